import { WeirError } from '#base';
import type { CommandContext, OptionParameter } from '../command.ts';

export const unasked: OptionParameter = { kind: 'option', name: 'confirmed', help: 'asks no question' };

/** Asks before what cannot be undone. Throws when the answer is not `yes`; `confirmed`: it was given with the command. */
export async function confirm(
  { ask }: CommandContext,
  confirmed: string | undefined,
  what: string,
): Promise<void> {
  if (confirmed !== undefined) return;
  const answer = await ask(`${what} Go on? [yes/no] `);
  if (answer.trim() === 'yes') return;
  const isNo = /^(n|no)?$/i.test(answer.trim());
  throw new WeirError('NOT_CONFIRMED', 'nothing was done', isNo ? {} : { advice: 'it takes the answer yes' });
}

/** The same, before the box is started again: what waits to be confirmed goes back then. */
export async function confirmStart(
  context: CommandContext,
  confirmed: string | undefined,
  what: string,
): Promise<void> {
  const who = whoWaits(context);
  const back = who === undefined ? '' : ` The commit of ${who} that waits to be confirmed goes back.`;
  await confirm(context, confirmed, `${what}${back}`);
}

/** Nobody, too, where that cannot be told: no reason not to start. */
function whoWaits(context: CommandContext): string | undefined {
  try {
    return context.configurations.unconfirmed()?.who;
  } catch {
    return undefined;
  }
}
