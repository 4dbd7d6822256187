import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { WeirError } from '#base';

interface Told {
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
}

/** For a machine whose monitor is in `folder`: QEMU's own control of it (QEMU Machine Protocol), what hands do at a real one. */
export function monitorArguments(folder: string): readonly string[] {
  return ['-qmp', `unix:${join(folder, 'monitor')},server=on,wait=off`];
}

/** Has it carry out one command. */
export async function askMonitor(
  folder: string,
  execute: string,
  facts: Readonly<Record<string, unknown>>,
): Promise<void> {
  const socket = connect(join(folder, 'monitor'));
  await once(socket, 'connect');
  try {
    for (const order of [{ execute: 'qmp_capabilities' }, { execute, arguments: facts }]) {
      socket.write(`${JSON.stringify(order)}\n`);
    }
    let answers = 0;
    // Its greeting and its events are no answers.
    for await (const line of createInterface({ input: socket })) {
      const { error, ...told } = JSON.parse(line) as Told;
      if (error) throw new WeirError('COMMAND_FAILED', `QEMU: ${error.desc}`, { fields: { execute } });
      if ('return' in told) answers += 1;
      if (answers === 2) return;
    }
    throw new WeirError('COMMAND_FAILED', 'QEMU did not answer', { fields: { execute } });
  } finally {
    socket.destroy();
  }
}
