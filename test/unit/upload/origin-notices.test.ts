import assert from 'node:assert/strict';
import { silentLog } from '#base';
import { OriginNotices, originDestination } from '../../../src/upload/origin/origin-notices.ts';
import { entry } from '../../lab/upload/records.ts';
import { MemoryOutbox } from './memory-outbox.ts';

const origin = { address: '198.51.100.7', port: 554 };

function scene() {
  const outbox = new MemoryOutbox();
  const told: number[] = [];
  let status: (sequence: number) => number | undefined = () => 200;
  const notices = new OriginNotices({
    teller: {
      notify: async (url, to, contentType, body) => {
        assert.equal(url, 'rtsp://198.51.100.7/live');
        assert.deepEqual(to, origin);
        assert.equal(contentType, 'application/json');
        const { chain } = JSON.parse(Buffer.from(body).toString());
        told.push(chain.sequence);
        return status(chain.sequence);
      },
    },
    outbox,
    corrections: async () => [],
    log: silentLog,
  });
  const answer = (how: typeof status) => {
    status = how;
  };
  return { outbox, told, notices, answer };
}

describe('upload: notices to the origin', () => {
  it('are told in order, and a 2xx acknowledges', async () => {
    const { outbox, told, notices } = scene();
    outbox.put(entry(1), entry(2));
    await notices.tell(origin);
    assert.deepEqual(told, [1, 2]);
    assert.deepEqual(
      outbox.settled.map(({ outcome }) => outcome),
      ['acknowledged', 'acknowledged'],
    );
  });

  it('of a page are settled by one commit, also when the last of them gets no answer', async () => {
    const { outbox, notices, answer } = scene();
    answer((sequence) => (sequence === 60 ? undefined : 200));
    outbox.put(...Array.from({ length: 60 }, (_, index) => entry(index + 1)));
    await notices.tell(origin);
    assert.deepEqual(outbox.left, [60]);
    assert.equal(outbox.commits, 2, 'pages of 50');
  });

  it('answered with 451 are told, not confirmed, and not repeated', async () => {
    const { outbox, told, notices, answer } = scene();
    answer(() => 451);
    outbox.put(entry(1));
    await notices.tell(origin);
    await notices.tell(origin);
    assert.deepEqual(told, [1]);
    assert.deepEqual(outbox.settled, [
      { sequence: 1, outcome: 'unconfirmed', reason: 'the origin answered 451' },
    ]);
  });

  for (const status of [405, 501]) {
    it(`end with the first ${status}, until a next session with that origin`, async () => {
      const { outbox, told, notices, answer } = scene();
      answer(() => status);
      outbox.put(entry(1), entry(2));
      await notices.tell(origin);
      await notices.tell(origin);
      assert.deepEqual(told, [1]);
      answer(() => 200);
      notices.sessionOpened(origin);
      notices.sessionPlays(origin);
      await notices.tell(origin);
      assert.deepEqual(told, [1, 1, 2]);
      assert.deepEqual(outbox.left, []);
    });
  }

  it('refused with 500 wait for the next session, and do not hold up the others', async () => {
    const { outbox, told, notices, answer } = scene();
    answer((sequence) => (sequence === 1 ? 500 : 200));
    outbox.put(entry(1), entry(2));
    await notices.tell(origin);
    outbox.put(entry(3));
    await notices.tell(origin);
    assert.deepEqual(told, [1, 2, 3], 'each once a session');
    assert.deepEqual(outbox.left, [1]);
    answer(() => 200);
    notices.sessionOpened(origin);
    await notices.tell(origin);
    assert.deepEqual(outbox.left, []);
  });

  it('without an answer wait, and the next one is tried first', async () => {
    const { outbox, told, notices, answer } = scene();
    answer(() => undefined);
    outbox.put(entry(1), entry(2));
    await notices.tell(origin);
    assert.deepEqual(told, [1], 'whoever does not answer is not asked for each');
    answer(() => 200);
    await notices.tell(origin);
    assert.deepEqual(told, [1, 1, 2]);
    assert.deepEqual(outbox.left, []);
  });

  it('that are too old are given up, so that the ledger may let their records go', async () => {
    const { outbox, notices } = scene();
    outbox.put(entry(1, { endedAt: '2026-01-01T00:00:00.000Z' }), entry(2));
    assert.equal(await notices.giveUp(Date.parse('2026-03-01T00:00:00.000Z')), 1);
    assert.deepEqual(outbox.left, [2]);
    assert.equal(outbox.settled[0]?.outcome, 'unconfirmed');
    outbox.put(entry(3, { endedAt: '1970-01-01T00:01:00.000Z', clockTrusted: false }));
    assert.equal(await notices.giveUp(Date.parse('2026-03-01T00:00:00.000Z')), 0, 'a clock not known yet');
  });

  it('that come while others are told are told as well', async () => {
    const { outbox, told, notices, answer } = scene();
    outbox.put(entry(1));
    answer((sequence) => {
      if (sequence === 1) {
        outbox.put(entry(2));
        void notices.tell(origin);
      }
      return 200;
    });
    await notices.tell(origin);
    assert.deepEqual(told, [1, 2]);
  });

  it('carry a correction of the clock over any session there is, as it was signed', async () => {
    const outbox = new MemoryOutbox();
    const told: string[] = [];
    const notices = new OriginNotices({
      teller: {
        notify: async (url, _to, _type, body) => {
          told.push(`${url} ${Buffer.from(body)}`);
          return 200;
        },
      },
      outbox,
      corrections: async () => [],
      log: silentLog,
    });
    const body = '{"bootEpoch":3,"offsetMs":500000}';
    const link = { kind: 'clock' as const, sequence: 7, hash: '1'.repeat(64), previousHash: '0'.repeat(64) };
    const note = { ...link, body, signature: 'c2ln', bootEpoch: 3, at: 600_000, clockTrusted: true };
    outbox.put(note);
    await notices.tell(origin);
    const [text = ''] = told;
    assert.ok(text.startsWith(` {"clock":${body},"chain":{"sequence":7,"kind":"clock",`), text);
    assert.deepEqual(outbox.left, []);
    outbox.put(note);
    assert.deepEqual([await notices.giveUp(600_000), await notices.giveUp(600_001)], [0, 1]);
  });

  it('are for an address and a port', () => {
    assert.equal(originDestination(origin), 'origin:198.51.100.7:554');
    assert.equal(originDestination({ address: '2001:db8::7', port: 8554 }), 'origin:[2001:db8::7]:8554');
  });
});
