import assert from 'node:assert/strict';
import { LiveBatches } from '../../../src/upload/https/live-batches.ts';
import { Interims } from '../../../src/upload/interims.ts';
import { LiveRequests } from '../../../src/upload/radius/live-requests.ts';
import { record } from '../../lab/upload/records.ts';
import { HandClock, settled } from '../session/scripted.ts';

/** Requests that are answered one by one, when the test says so. */
class Answers {
  readonly sent: string[] = [];
  readonly #open: Array<() => void> = [];

  ask(what: string): Promise<void> {
    this.sent.push(what);
    return new Promise((resolve) => this.#open.push(resolve));
  }

  async answer(): Promise<void> {
    this.#open.shift()?.();
    await settled();
  }

  get underWay(): number {
    return this.#open.length;
  }
}

describe('upload: news of running sessions by RADIUS', () => {
  it('leave room for the ends of others, however many sessions have news at once', async () => {
    const server = new Answers();
    const live = new LiveRequests(64);
    for (let session = 0; session < 1000; session += 1) {
      live.tell(String(session), () => server.ask(String(session)));
    }
    assert.equal(server.underWay, 64);
    await live.end('999');
    while (server.underWay > 0) await server.answer();
    assert.equal(server.sent.length, 999, 'each once, but the one that has ended meanwhile');
    assert.ok(!server.sent.includes('999'));
  }).timeout(10_000);

  it('are one at a time for a session, the latest of those that waited, and none after its end', async () => {
    const server = new Answers();
    const live = new LiveRequests(64);
    for (const news of ['first', 'second', 'third']) live.tell('s', () => server.ask(news));
    assert.deepEqual(server.sent, ['first']);
    await server.answer();
    assert.deepEqual(server.sent, ['first', 'third']);
    live.tell('s', () => server.ask('too late'));
    let over = false;
    const end = live.end('s').then(() => {
      over = true;
    });
    await settled();
    assert.ok(!over, 'the end waits for what is under way');
    await server.answer();
    await end;
    assert.deepEqual(server.sent, ['first', 'third']);
  });
});

describe('upload: news of running sessions by HTTPS', () => {
  it('go in batches one after the other, of each session the latest', async () => {
    const collector = new Answers();
    const live = new LiveBatches(2, (events) => collector.ask(events.join()));
    for (const session of ['a', 'b', 'c']) live.tell(session, () => `${session}1`);
    await settled();
    assert.deepEqual(collector.sent, ['a1,b1']);
    live.tell('c', () => 'c2');
    live.tell('a', () => 'a2');
    await collector.answer();
    assert.deepEqual(collector.sent, ['a1,b1', 'c2,a2']);
    await collector.answer();
    live.tell('b', () => 'b2');
    await settled();
    assert.deepEqual(collector.sent, ['a1,b1', 'c2,a2', 'b2']);
  });

  it('are not told of a session that has ended, whose record waits for the batch under way', async () => {
    const collector = new Answers();
    const live = new LiveBatches(1, (events) => collector.ask(events.join()));
    live.tell('a', () => 'a1');
    live.tell('b', () => 'b1');
    await settled();
    let over = false;
    void live.end(['a', 'b']).then(() => {
      over = true;
    });
    await settled();
    assert.ok(!over);
    await collector.answer();
    assert.ok(over);
    assert.deepEqual(collector.sent, ['a1']);
  });

  it('are dropped by a batch that fails, and do not pile up behind a collector that hangs', async () => {
    const sent: number[] = [];
    const failed = Promise.withResolvers<void>();
    const live = new LiveBatches(10_000, (events) => {
      sent.push(events.length);
      return sent.length === 1 ? failed.promise : Promise.resolve();
    });
    live.tell('first', () => '');
    await settled();
    for (let session = 0; session < 20_000; session += 1) live.tell(String(session), () => '');
    failed.reject(new Error('timed out'));
    await settled();
    assert.deepEqual(sent, [1]);
    for (let session = 0; session < 20_000; session += 1) live.tell(String(session), () => '');
    await settled();
    assert.deepEqual(sent, [1, 1000]);
  });
});

describe('upload: interims', () => {
  it('are due every so many seconds after the start of each session, and only then a record is made', async () => {
    const clock = new HandClock();
    const startedMonoNs = clock.monoNs();
    let made = 0;
    let live = ['a', 'b'];
    const told: string[] = [];
    using _interims = new Interims({
      everySeconds: 60,
      destination: { interim: ({ sessionId }) => void told.push(sessionId) },
      live: () =>
        live.map((sessionId) => ({
          sessionId,
          startedMonoNs,
          record: () => {
            made += 1;
            return record({ sessionId });
          },
        })),
      clock,
    });
    await clock.pass(59_000);
    assert.equal(made, 0);
    await clock.pass(2000);
    assert.deepEqual(told, ['a', 'b']);
    live = ['b'];
    await clock.pass(60_000);
    assert.deepEqual(told, ['a', 'b', 'b']);
    assert.equal(made, 3);
  });
});
