import assert from 'node:assert/strict';
import { type Attribute, AttributeType } from '../../../src/upload/radius/attributes.ts';
import type { RadiusLink } from '../../../src/upload/radius/radius-link.ts';
import { entry, record } from '../../lab/upload/records.ts';
import { HandClock, settled } from '../session/scripted.ts';
import { radiusTo } from './radius-to.ts';

/** RFC 2866 s.5.1. */
const status = { 1: 'Start', 2: 'Stop', 3: 'Interim-Update', 7: 'Accounting-On', 8: 'Accounting-Off' };

/** A request as a server reads it: what it says, and when that was. */
interface Asked {
  readonly status: string | undefined;
  readonly eventTimestamp: number | undefined;
  readonly delaySeconds: number | undefined;
}

/** Keeps what it was asked, and answers unless it is silent. */
class KeepingLink implements RadiusLink {
  readonly window = 256;
  readonly server = 'kept:1813';
  readonly asked: Asked[] = [];
  silent = false;

  async request(attributes: readonly Attribute[]): Promise<void> {
    if (this.silent) throw new Error('no answer');
    const integer = (type: number) => {
      const found = attributes.find((attribute) => attribute.type === type);
      return found && Buffer.from(found.value).readUInt32BE();
    };
    const code = integer(AttributeType.acctStatusType) as keyof typeof status;
    this.asked.push({
      status: status[code],
      eventTimestamp: integer(AttributeType.eventTimestamp),
      delaySeconds: integer(AttributeType.acctDelayTime),
    });
  }

  get said(): readonly (string | undefined)[] {
    return this.asked.map((one) => one.status);
  }

  async close(): Promise<void> {}

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

describe('upload: what a RADIUS server hears of the box itself (RFC 2866 s.5.1)', () => {
  it('is On when a receiver is new, and Off when the box ends', async () => {
    const link = new KeepingLink();
    const radius = radiusTo([link]);
    await radius.deliver([entry(1)]);
    await radius.farewell();
    await radius.close();
    assert.deepEqual(link.said, ['Accounting-On', 'Stop', 'Accounting-Off']);
  });

  it('is nothing when a receiver is reconfigured: its sessions run on', async () => {
    const link = new KeepingLink();
    const presence = { announced: false };
    const before = radiusTo([link], { presence });
    before.started(record());
    await settled();
    await before.close();
    const after = radiusTo([link], { presence });
    after.interim(record());
    await after.deliver([entry(1)]);
    await after.farewell();
    assert.deepEqual(link.said, ['Accounting-On', 'Start', 'Interim-Update', 'Stop', 'Accounting-Off']);
  });

  it('is On from the receiver as it is now, when nobody had answered the one before', async () => {
    const link = new KeepingLink();
    link.silent = true;
    const presence = { announced: false };
    const before = radiusTo([link], { presence });
    await settled();
    await before.farewell();
    await before.close();
    link.silent = false;
    await radiusTo([link], { presence }).deliver([entry(1)]);
    assert.deepEqual(link.said, ['Accounting-On', 'Stop']);
  });
});

describe('upload: when something was, as a RADIUS server is told', () => {
  const bootEpoch = 3;
  const seconds = (at: string) => Date.parse(at) / 1000;

  it('is Event-Timestamp, and the delay by the monotonic clock, whatever the wall clock was set to (RFC 2869 s.5.3)', async () => {
    const [link, clock] = [new KeepingLink(), new HandClock()];
    const radius = radiusTo([link], { clock, bootEpoch });
    clock.setAheadMs = 1_790_000_000_000;
    await clock.pass(99_000);
    await radius.deliver([entry(1, { bootEpoch, endedMonoNs: '91000000000' })]);
    const { eventTimestamp, delaySeconds } = link.asked.at(-1) ?? {};
    assert.deepEqual([eventTimestamp, delaySeconds], [seconds('2026-11-22T10:01:30Z'), 9]);
  });

  it('is only the delay while the box does not know the time: the server has a clock (RFC 2866 s.5.2)', async () => {
    const [link, clock] = [new KeepingLink(), new HandClock()];
    const radius = radiusTo([link], { clock, bootEpoch, clockTrusted: () => false });
    await clock.pass(99_000);
    const unknown = { bootEpoch, clockTrusted: false };
    radius.started(record({ ...unknown, startedMonoNs: '95000000000' }));
    await settled();
    await radius.deliver([entry(1, { ...unknown, endedMonoNs: '91000000000' })]);
    assert.deepEqual(link.asked, [
      { status: 'Accounting-On', eventTimestamp: undefined, delaySeconds: 0 },
      { status: 'Start', eventTimestamp: undefined, delaySeconds: 5 },
      { status: 'Stop', eventTimestamp: undefined, delaySeconds: 9 },
    ]);
  });

  it('is not reckoned from the monotonic clock of another boot', async () => {
    const [link, clock] = [new KeepingLink(), new HandClock()];
    const radius = radiusTo([link], { clock, bootEpoch: 4 });
    clock.setAheadMs = Date.parse('2026-11-22T10:02:00Z') - clock.nowMs();
    await radius.deliver([entry(1, { bootEpoch })]);
    await radius.deliver([entry(2, { bootEpoch, clockTrusted: false })]);
    assert.deepEqual(
      link.asked.slice(-2).map(({ eventTimestamp, delaySeconds }) => [eventTimestamp, delaySeconds]),
      [
        [seconds('2026-11-22T10:01:30Z'), 30],
        [undefined, 0],
      ],
    );
  });
});
