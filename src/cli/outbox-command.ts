import type { OutboxStatus } from '../operations/index.ts';
import type { Output } from './output.ts';

/** `weir outbox`: what is waiting, for whom, since when, why. */
export async function outboxCommand(
  status: OutboxStatus,
  options: { readonly json: boolean },
  output: Output,
): Promise<void> {
  if (options.json) return output.line(JSON.stringify(status));
  if (status.destinations.length === 0) return output.line('nothing was ever to be delivered');
  const line = (name: string, waiting: string, since: string, unconfirmed: string, quarantined: string) =>
    `${name.padEnd(24)}${waiting.padStart(9)}  ${since.padEnd(24)}${unconfirmed.padStart(13)}${quarantined.padStart(13)}`;
  await output.line(line('DESTINATION', 'WAITING', 'SINCE', 'UNCONFIRMED', 'QUARANTINED'));
  for (const one of status.destinations) {
    const { destination, waiting, waitingSince, unconfirmed, quarantined, quarantineReason } = one;
    const { failingSince, lastError } = one;
    await output.line(
      line(destination, String(waiting), waitingSince ?? '-', String(unconfirmed), String(quarantined)),
    );
    if (failingSince !== null) await output.line(`  fails since ${failingSince}: ${lastError}`);
    if (quarantineReason !== null) await output.line(`  last refused: ${quarantineReason}`);
  }
}
