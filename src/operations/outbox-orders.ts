import { WeirError } from '#base';
import type { Store } from '#storage';

/** How many deliveries an order of an operator concerned. */
export interface OutboxOrder {
  readonly destination: string;
  readonly deliveries: number;
}

/**
 * Lets everything that `destination` refused wait again.
 *
 * @throws {WeirError} NO_SUCH_DESTINATION
 */
export async function requeueDeliveries({ outbox }: Store, destination: string): Promise<OutboxOrder> {
  await mustBeKnown(outbox, destination);
  return { destination, deliveries: await outbox.requeue(destination) };
}

/**
 * Gives up all that waits for a destination that is no more; the records stay, and may go when they are old enough.
 *
 * @throws {WeirError} NO_SUCH_DESTINATION; DESTINATION_IN_USE when the configuration has it.
 */
export async function abandonDeliveries(
  { outbox }: Store,
  destination: string,
  configured: readonly string[],
): Promise<OutboxOrder> {
  await mustBeKnown(outbox, destination);
  if (configured.includes(destination)) {
    throw new WeirError('DESTINATION_IN_USE', `${destination} is in the configuration`, {
      advice: 'take it out there first',
    });
  }
  return { destination, deliveries: await outbox.abandon(destination) };
}

async function mustBeKnown(outbox: Store['outbox'], destination: string): Promise<void> {
  const known = (await outbox.summary()).map((one) => one.destination);
  if (known.includes(destination)) return;
  throw new WeirError('NO_SUCH_DESTINATION', `nothing was ever to be delivered to "${destination}"`, {
    advice: `known are ${known.join(', ') || 'none'}`,
  });
}
