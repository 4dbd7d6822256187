import assert from 'node:assert/strict';
import { Alarms, silentLog } from '#base';
import type { Delivery, Destination } from '../../../src/upload/destination.ts';
import { DestinationQueue } from '../../../src/upload/destination-queue.ts';
import type { OutgoingEntry } from '../../../src/upload/outgoing-entry.ts';
import { entry } from '../../lab/upload/records.ts';
import { HandClock, settled } from '../session/scripted.ts';
import { MemoryOutbox } from './memory-outbox.ts';

const acknowledged: Delivery = { outcome: 'acknowledged' };

/** A destination that answers as told and remembers what it was asked. */
class ScriptedDestination implements Destination {
  readonly name = 'https:scripted';
  readonly batch: number;
  readonly asked: number[][] = [];
  answer: (entry: OutgoingEntry, together: readonly OutgoingEntry[]) => Delivery | Error = () => acknowledged;
  /** Deliveries wait for it. */
  gate: Promise<void> = Promise.resolve();

  constructor(batch: number) {
    this.batch = batch;
  }

  async deliver(entries: readonly OutgoingEntry[]): Promise<readonly Delivery[]> {
    this.asked.push(entries.map(({ sequence }) => sequence));
    await this.gate;
    return entries.map((one) => {
      const answer = this.answer(one, entries);
      if (answer instanceof Error) throw answer;
      return answer;
    });
  }

  started(): void {}
  interim(): void {}
  async close(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}
}

function scene(batch = 10) {
  const clock = new HandClock();
  const outbox = new MemoryOutbox();
  const alarms = new Alarms({ clock, log: silentLog });
  const destination = new ScriptedDestination(batch);
  const begin = () =>
    new DestinationQueue({ destination, outbox, corrections: async () => [], clock, log: silentLog, alarms });
  return { clock, outbox, alarms, destination, begin };
}

describe('upload: the queue of a destination', () => {
  it('delivers what waits from before, in order and in batches', async () => {
    const { outbox, destination, begin } = scene(2);
    outbox.put(entry(1), entry(2), entry(3));
    await using _queue = begin();
    await settled();
    assert.deepEqual(destination.asked, [[1, 2], [3]]);
    assert.deepEqual(outbox.left, []);
  });

  it('delivers a new record when it is told of it, without a pause', async () => {
    const { outbox, destination, begin } = scene();
    await using queue = begin();
    await settled();
    outbox.put(entry(5));
    queue.poke();
    await settled();
    assert.deepEqual(destination.asked, [[5]]);
    assert.deepEqual(outbox.settled, [{ sequence: 5, outcome: 'acknowledged' }]);
  });

  it('tries a destination that fails again after pauses that grow to a minute, and loses nothing', async () => {
    const { clock, outbox, destination, begin } = scene();
    destination.answer = () => new Error('away');
    outbox.put(entry(1), entry(2));
    await using queue = begin();
    await settled();
    assert.equal(queue.state.lastError, 'away');
    await clock.pass(30 * 60_000, 500);
    const tries = destination.asked.length;
    assert.ok(tries >= 30 && tries <= 72, `${tries} tries in half an hour`);
    assert.deepEqual(outbox.left, [1, 2]);
    destination.answer = () => acknowledged;
    await clock.pass(60_000, 500);
    assert.deepEqual(outbox.left, []);
    assert.equal(queue.state.failingSince, undefined);
  });

  it('raises an alarm once a destination has failed for a minute, and clears it', async () => {
    const { clock, outbox, alarms, destination, begin } = scene();
    destination.answer = () => new Error('away');
    outbox.put(entry(1));
    await using _queue = begin();
    await clock.pass(50_000, 500);
    assert.deepEqual(alarms.standing(), []);
    await clock.pass(90_000, 500);
    assert.deepEqual(
      alarms.standing().map(({ name, subject }) => [name, subject]),
      [['upload.failing', 'https:scripted']],
    );
    destination.answer = () => acknowledged;
    await clock.pass(60_000, 500);
    assert.deepEqual(alarms.standing(), []);
  });

  it('sets a rejected record aside with an alarm, and the others go on', async () => {
    const { outbox, alarms, destination, begin } = scene(2);
    destination.answer = ({ sequence }) =>
      sequence === 2 ? { outcome: 'rejected', reason: 'no such tariff' } : acknowledged;
    outbox.put(entry(1), entry(2), entry(3));
    await using _queue = begin();
    await settled();
    assert.deepEqual(outbox.left, []);
    assert.deepEqual(outbox.settled[1], { sequence: 2, outcome: 'quarantined', reason: 'no such tariff' });
    assert.match(alarms.standing()[0]?.text ?? '', /record 2 is refused: no such tariff/);
  });

  it('lets the others pass a record that is not taken now, and tries it again', async () => {
    const { clock, outbox, destination, begin } = scene(2);
    let busy = true;
    destination.answer = ({ sequence }) =>
      sequence === 1 && busy ? { outcome: 'retry', reason: 'busy' } : acknowledged;
    outbox.put(entry(1), entry(2), entry(3), entry(4));
    await using _queue = begin();
    await settled();
    assert.deepEqual(outbox.left, [1]);
    busy = false;
    await clock.pass(5000);
    assert.deepEqual(outbox.left, []);
  });

  it('sets a record aside that is never answered while others are', async () => {
    const { clock, outbox, destination, begin } = scene(4);
    destination.answer = ({ sequence }) =>
      sequence === 1 ? { outcome: 'retry', reason: 'no answer' } : acknowledged;
    outbox.put(entry(1));
    await using queue = begin();
    for (let sequence = 2; sequence < 400 && outbox.left.includes(1); sequence += 1) {
      outbox.put(entry(sequence));
      queue.poke();
      await clock.pass(1000);
    }
    assert.deepEqual(outbox.left.includes(1), false);
    const aside = outbox.settled.find(({ sequence }) => sequence === 1);
    assert.equal(aside?.outcome, 'quarantined');
    assert.match(aside?.reason ?? '', /^no answer \(8 times, while others got through\)/);
  });

  it('does not set a record aside because the destination was away for a month', async () => {
    const { clock, outbox, destination, begin } = scene();
    destination.answer = () => ({ outcome: 'retry', reason: 'away' });
    outbox.put(entry(1));
    await using _queue = begin();
    await clock.pass(30 * 24 * 3600_000, 60_000);
    assert.deepEqual(outbox.left, [1]);
    assert.deepEqual(outbox.settled, []);
  }).timeout(60_000);

  for (const batch of [1, 4, 100]) {
    it(`finds the one record that its destination fails at whatever comes with it, in batches of ${batch}`, async () => {
      const { clock, outbox, destination, begin } = scene(batch);
      destination.answer = (_entry, together) =>
        together.some(({ sequence }) => sequence === 3) ? new Error('answered 500') : acknowledged;
      outbox.put(...Array.from({ length: 150 }, (_, index) => entry(index + 1)));
      await using queue = begin();
      await clock.pass(5 * 60_000, 500);
      assert.deepEqual(outbox.left, [3], 'the others got through');
      for (let sequence = 200; sequence < 900 && outbox.left.includes(3); sequence += 1) {
        outbox.put(entry(sequence));
        queue.poke();
        await clock.pass(2000, 500);
      }
      assert.equal(outbox.settled.find(({ sequence }) => sequence === 3)?.outcome, 'quarantined');
    }).timeout(20_000);
  }

  it('delivers nothing twice because the next batch fails while the disk still writes down the first', async () => {
    const { clock, outbox, destination, begin } = scene(2);
    const written = Promise.withResolvers<void>();
    outbox.gate = written.promise;
    destination.answer = ({ sequence }) => (sequence > 2 ? new Error('away') : acknowledged);
    outbox.put(entry(1), entry(2), entry(3));
    await using _queue = begin();
    await clock.pass(5 * 60_000, 1000);
    assert.deepEqual(destination.asked, [[1, 2], [3]]);
    written.resolve();
  });

  it('does not look again and again for a record that stood back and waits no more', async () => {
    const { clock, outbox, destination, begin } = scene(2);
    destination.answer = ({ sequence }) =>
      sequence === 1 ? { outcome: 'retry', reason: 'busy' } : acknowledged;
    outbox.put(entry(1), entry(2));
    await using _queue = begin();
    await settled();
    await outbox.abandon();
    await clock.pass(60_000);
    const before = outbox.reads;
    await clock.pass(60_000);
    assert.equal(outbox.reads, before);
  });

  it('delivers what waits when it ends', async () => {
    const { outbox, destination, begin } = scene();
    const queue = begin();
    await settled();
    outbox.put(entry(1));
    await queue.close();
    assert.deepEqual(destination.asked, [[1]]);
    assert.deepEqual(outbox.left, []);
  });

  it('ends in seconds though its destination never answers', async () => {
    const { clock, outbox, destination, begin } = scene();
    destination.gate = new Promise(() => {});
    outbox.put(entry(1));
    const queue = begin();
    await settled();
    let ended = false;
    const end = queue.close().then(() => {
      ended = true;
    });
    await clock.pass(3000);
    assert.ok(ended);
    await end;
    assert.deepEqual(outbox.left, [1]);
  });

  it('ends in seconds though the disk does not write down what was delivered', async () => {
    const { clock, outbox, destination, begin } = scene();
    outbox.gate = new Promise(() => {});
    outbox.put(entry(1));
    const queue = begin();
    await settled();
    assert.deepEqual(destination.asked, [[1]]);
    let ended = false;
    void queue.close().then(() => {
      ended = true;
    });
    await clock.pass(3000);
    assert.ok(ended);
  });

  it('takes its alarm with it when it ends', async () => {
    const { clock, outbox, alarms, destination, begin } = scene();
    destination.answer = () => new Error('away');
    outbox.put(entry(1));
    const queue = begin();
    await clock.pass(3 * 60_000, 500);
    assert.equal(alarms.standing().length, 1);
    await queue.close();
    assert.deepEqual(alarms.standing(), []);
  });

  it('does not wait for the pause when an operator is in a hurry', async () => {
    const { clock, outbox, destination, begin } = scene();
    destination.answer = () => new Error('away');
    outbox.put(entry(1));
    await using queue = begin();
    await clock.pass(10 * 60_000, 1000);
    destination.answer = () => acknowledged;
    queue.hurry();
    await settled();
    assert.deepEqual(outbox.left, []);
  });

  it('ends in the middle of a pause', async () => {
    const { outbox, destination, begin } = scene();
    destination.answer = () => new Error('away');
    outbox.put(entry(1));
    const queue = begin();
    await settled();
    await queue.close();
    assert.deepEqual(outbox.left, [1]);
  });
});
