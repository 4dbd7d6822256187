import assert from 'node:assert/strict';
import { abandonDeliveries, outboxStatus, requeueDeliveries } from '../../../src/operations/index.ts';
import { RecordsFolder } from '../billing/billed-viewer.ts';
import { recordSessions } from '../billing/recorded-sessions.ts';

describe('orders to the outbox', () => {
  let folder: RecordsFolder;

  /** Three records, for `radius:main` and `https:billing`; the first one is refused by the latter. */
  beforeEach(async () => {
    folder = await RecordsFolder.make();
    await recordSessions(folder, {}, [1, 2, 3]);
    await folder.store.outbox.settle('https:billing', [
      { sequence: 1, outcome: 'quarantined', reason: 'no' },
    ]);
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  const waiting = async (destination: string) =>
    (await folder.store.outbox.summary()).find((one) => one.destination === destination)?.waiting;

  it('are seen beside receivers that nothing was made for yet, with what keeps these', async () => {
    const states = [
      { name: 'radius:main', failingSince: undefined, lastError: undefined },
      { name: 'mqtt:noc', failingSince: 0, lastError: 'no broker answers' },
    ];
    const { destinations } = await outboxStatus(folder.store, states);
    assert.deepEqual(
      destinations.map(({ destination, waiting, lastError }) => [destination, waiting, lastError]).sort(),
      [
        ['https:billing', 2, null],
        ['mqtt:noc', 0, 'no broker answers'],
        ['radius:main', 3, null],
      ],
    );
  });

  it('let what was refused wait again', async () => {
    const order = await requeueDeliveries(folder.store, 'https:billing');
    assert.deepEqual(order, { destination: 'https:billing', deliveries: 1 });
    assert.equal(await waiting('https:billing'), 3);
  });

  it('give up what waits for a receiver that is no more, and nothing else', async () => {
    const { deliveries } = await abandonDeliveries(folder.store, 'https:billing', ['radius:main']);
    assert.equal(deliveries, 3);
    assert.equal((await waiting('https:billing')) ?? 0, 0);
    assert.equal(await waiting('radius:main'), 3);
  });

  it('give up nothing for a receiver that is in the configuration', async () => {
    const giveUp = abandonDeliveries(folder.store, 'https:billing', ['https:billing']);
    await assert.rejects(giveUp, { code: 'DESTINATION_IN_USE' });
    assert.equal(await waiting('https:billing'), 2);
  });

  it('say which destinations there are when the one named is none', async () => {
    const expected = { code: 'NO_SUCH_DESTINATION', advice: /https:billing, radius:main/ };
    await assert.rejects(requeueDeliveries(folder.store, 'https:biling'), expected);
    await assert.rejects(abandonDeliveries(folder.store, '', []), expected);
  });
});
