import assert from 'node:assert/strict';
import { createLog, silentLog } from '#base';
import { Meter } from '../../../src/meter/index.ts';
import { HandClock, zero } from '../session/scripted.ts';

describe('the meter of a session', () => {
  const clock = new HandClock();

  it('samples what the kernel accepted, in 64 bits, and when', () => {
    const counters = { ...zero, txBytes: 2n ** 63n + 1n, txPackets: 3n, droppedPackets: 2n };
    const meter = new Meter({ sessionId: 's', read: () => counters, clock, log: silentLog });
    assert.deepEqual(meter.sample(), {
      sessionId: 's',
      txBytes: 2n ** 63n + 1n,
      txPackets: 3n,
      droppedPackets: 2n,
      reportedLostPackets: 0n,
      monoNs: clock.monoNs(),
    });
  });

  it('never takes back what it has counted, and says once that a counter ran backwards', () => {
    const lines: string[] = [];
    const log = createLog({ write: (line) => lines.push(line), level: () => 'error', nowMs: () => 0 });
    let counters = { ...zero, txBytes: 1000n, txPackets: 10n };
    const meter = new Meter({ sessionId: 's', read: () => counters, clock, log });
    meter.sample();
    counters = { ...zero, txBytes: 400n, txPackets: 11n };
    meter.sample();
    counters = { ...zero, txBytes: 500n, txPackets: 5n };
    const { txBytes, txPackets } = meter.sample();
    assert.deepEqual([txBytes, txPackets], [1000n, 11n]);
    assert.deepEqual(
      lines
        .map((line) => JSON.parse(line))
        .map(({ event, counter, before, now }) => [event, counter, before, now]),
      [['counter ran backwards', 'txBytes', '1000', '400']],
    );
  });

  it("takes the viewer's word for its losses, also when it takes them back (RFC 3550 A.3)", () => {
    let counters = { ...zero, reportedLostPackets: 5n };
    const meter = new Meter({ sessionId: 's', read: () => counters, clock, log: silentLog });
    meter.sample();
    counters = { ...zero, reportedLostPackets: 3n };
    assert.equal(meter.sample().reportedLostPackets, 3n);
  });
});
