import assert from 'node:assert/strict';
import { Alarms, silentLog } from '#base';
import { SimBoard } from '../../../hal/sim/board.ts';
import { BoardChecks } from '../../../src/health/index.ts';
import { HandClock, settled } from '../session/scripted.ts';

describe('the board is looked at', () => {
  let clock: HandClock;
  let alarms: Alarms;
  let board: SimBoard;
  let checks: BoardChecks;

  beforeEach(async () => {
    clock = new HandClock();
    alarms = new Alarms({ clock, log: silentLog });
    board = new SimBoard();
    checks = new BoardChecks({ board, alarms, clock, log: silentLog });
    await settled();
  });

  afterEach(() => checks.close());

  const next = async () => {
    await clock.pass(30_000, 1000);
    return alarms.standing().map(({ name, subject, severity }) => `${name} ${subject} ${severity}`);
  };

  it('and nothing is said of one that is well', async () => {
    assert.deepEqual(await next(), []);
  });

  it('for a clock that nobody keeps, ten minutes after the start', async () => {
    board.clockIsSynchronised = false;
    board.set({ load: { uptimeSeconds: 599 } });
    assert.deepEqual(await next(), []);
    board.set({ load: { uptimeSeconds: 600 } });
    assert.deepEqual(await next(), ['clock.notSynchronised  minor']);
    board.clockIsSynchronised = true;
    assert.deepEqual(await next(), []);
  });

  it('for heat, without coming and going around the limit', async () => {
    const at = (temperatureMilliC: number | undefined) => {
      board.set({ load: { temperatureMilliC } });
      return next();
    };
    assert.deepEqual(await at(94_999), []);
    assert.deepEqual(await at(95_000), ['board.hot  major']);
    assert.deepEqual(await at(90_000), ['board.hot  major']);
    assert.deepEqual(await at(88_000), []);
    assert.deepEqual(await at(undefined), []);
  });

  it('for memory that runs out', async () => {
    const withMiB = (mebibytes: bigint) => {
      board.set({ load: { memoryAvailableBytes: mebibytes * 1_048_576n } });
      return next();
    };
    assert.deepEqual(await withMiB(48n), []);
    assert.deepEqual(await withMiB(47n), ['board.memoryLow  major']);
    assert.deepEqual(await withMiB(63n), ['board.memoryLow  major']);
    assert.deepEqual(await withMiB(64n), []);
  });

  it('for flash that wears out, each device by its name', async () => {
    const wear = { device: 'mmcblk0', name: undefined, lifeUsedPercent: 70, spareBlocks: 'normal' } as const;
    board.wear = [wear];
    assert.deepEqual(await next(), []);
    board.wear = [{ ...wear, lifeUsedPercent: 80 }];
    assert.deepEqual(await next(), ['board.flashWorn mmcblk0 major']);
    board.wear = [{ ...wear, spareBlocks: 'urgent' }];
    assert.deepEqual(await next(), ['board.flashWorn mmcblk0 critical']);
    board.wear = [{ ...wear, lifeUsedPercent: undefined, spareBlocks: undefined }];
    assert.deepEqual(await next(), []);
  });

  it('again, after a time when it could not be', async () => {
    const load = board.load.bind(board);
    board.load = async () => {
      throw new Error('no /proc');
    };
    assert.deepEqual(await next(), []);
    board.load = load;
    board.set({ load: { temperatureMilliC: 99_000 } });
    assert.deepEqual(await next(), ['board.hot  major']);
  });
});
