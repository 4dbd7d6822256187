import assert from 'node:assert/strict';
import { SimSupervisor } from '../../../hal/sim/supervisor.ts';
import { Watchdog } from '../../../src/health/index.ts';
import { HandClock, settled } from '../session/scripted.ts';

describe('the watchdog', () => {
  let clock: HandClock;
  let supervisor: SimSupervisor;
  let pings: number;
  let ping: () => Promise<void>;
  let watchdog: Watchdog | undefined;

  beforeEach(() => {
    clock = new HandClock();
    supervisor = new SimSupervisor({ patienceMs: 20_000 });
    pings = 0;
    ping = async () => {};
  });

  afterEach(() => watchdog?.close());

  const start = () => {
    watchdog = new Watchdog({
      supervisor,
      clock,
      ping: () => {
        pings += 1;
        return ping();
      },
    });
    return watchdog;
  };
  const signs = () => supervisor.told.filter((told) => told === 'WATCHDOG=1').length;

  it('is shown at once that Weir lives, and four times in the time after which it would be restarted', async () => {
    start();
    await settled();
    assert.equal(signs(), 1);
    await clock.pass(20_000);
    assert.equal(signs(), 5);
  });

  it('is shown nothing while the engine does not answer, and again when it does', async () => {
    start();
    await settled();
    const stuck = Promise.withResolvers<void>();
    ping = () => stuck.promise;
    await clock.pass(20_000);
    assert.deepEqual([signs(), pings], [1, 2], 'and it is not asked once more before it has answered');
    ping = async () => {};
    stuck.resolve();
    await settled();
    await clock.pass(5000);
    assert.equal(signs(), 3);
  });

  it('is shown nothing by an engine that fails, and asks it again', async () => {
    start();
    await settled();
    ping = async () => {
      throw new Error('one thread is silent');
    };
    await clock.pass(15_000);
    assert.deepEqual([signs(), pings], [1, 4]);
  });

  it('asks nobody where nobody watches', async () => {
    supervisor.patienceMs = undefined;
    start();
    await clock.pass(60_000);
    assert.deepEqual([signs(), pings], [0, 0]);
  });

  it('is shown nothing any more when Weir ends', async () => {
    await start().close();
    await clock.pass(20_000);
    assert.equal(signs(), 1);
  });
});
