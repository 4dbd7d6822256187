import assert from 'node:assert/strict';
import { silentLog } from '#base';
import { SimDatapath } from '../../../../hal/sim/datapath.ts';
import { RtspOriginSession } from '../../../../src/protocol/index.ts';
import { HandClock, origin, settled, target } from '../../session/scripted.ts';

describe('RtspOriginSession: an origin that drops everything', () => {
  for (const [connectTimeoutMs, waitedMs] of [
    [2000, 2000],
    [undefined, 10_000],
  ] as const) {
    it(`is called for ${waitedMs} ms when ${connectTimeoutMs} ms are given for that, and 10 s for an answer`, async () => {
      const clock = new HandClock();
      const datapath = new SimDatapath({ clock });
      using _silent = datapath.serve(origin, 'silent');
      await using session = new RtspOriginSession({
        datapath,
        clock,
        log: silentLog,
        origin,
        url: target.url,
        limits: { maxHeaderBytes: 8192, maxBodyBytes: 65_536 },
        timeoutMs: 10_000,
        ...(connectTimeoutMs !== undefined && { connectTimeoutMs }),
        transport: 'auto',
        credentials: undefined,
      });
      const describing = session.describe(undefined);
      let over = false;
      describing.finally(() => {
        over = true;
      });
      await settled();
      await clock.pass(waitedMs - 10, 10);
      assert.equal(over, false);
      await clock.pass(10, 10);
      assert.equal(over, true);
      const outcome = await describing;
      assert.ok(!outcome.ok && outcome.refusal.why === 'unreachable' && outcome.refusal.timedOut);
    });
  }
});
