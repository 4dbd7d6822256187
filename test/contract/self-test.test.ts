import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Alarms, isWeirError, silentLog, systemClock } from '#base';
import { type Hal, openLinuxHal } from '#hal';
import { SimRootVerbs } from '../../hal/sim/root-verbs.ts';
import { Appliance } from '../../src/appliance.ts';
import { HealthKeeping } from '../../src/health-keeping.ts';
import { Updates } from '../../src/operations/index.ts';
import { selfTest } from '../../src/self-test.ts';
import { describeReal } from './describe-real.ts';
import { nft } from './nft-program.ts';

describeReal('the self-test', import.meta.filename, function (this: Mocha.Suite) {
  let folder: string;
  let hal: Hal;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weir-self-test-'));
    hal = await openLinuxHal({ log: silentLog, realtime: false, engineThreads: 2, cloning: false });
  });

  afterEach(async () => {
    await hal.close();
    rmSync(folder, { recursive: true });
  });

  const run = (into = folder) => selfTest({ hal, folder: into, clock: systemClock, patienceMs: 3000 });

  it('relays a stream to a viewer by UDP and one by TCP, and proves the records of both', async () => {
    const { packets, recordedPackets } = await run();
    assert.ok(packets >= 40, `${packets} packets`);
    assert.ok(recordedPackets >= packets);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('begins anew over what one left that was cut short, and can be done again and again', async () => {
    mkdirSync(join(folder, 'self-test', 'weir.db'), { recursive: true });
    for (let time = 0; time < 2; time += 1) await run();
    assert.deepEqual(readdirSync(folder), []);
  });

  it('fails when media does not come through', async () => {
    nft(
      'add table inet cut; add chain inet cut in { type filter hook input priority 0; }; add rule inet cut in udp dport 20000-60000 drop',
    );
    try {
      await assert.rejects(run(), (error) => isWeirError(error, 'SELF_TEST_FAILED'));
    } finally {
      nft('delete table inet cut');
    }
    assert.ok(!existsSync(join(folder, 'self-test')));
  });

  it('shows a version that works on a box whose records cannot be opened: the slot keeps its tries, and is not proven', async () => {
    mkdirSync(join(folder, 'weir.lock'));
    const rootVerbs = new SimRootVerbs();
    const told = Promise.withResolvers<void>();
    rootVerbs.verbs.set('update', ([word]) => {
      if (word === 'working') told.resolve();
      return [];
    });
    const box = {
      dataDir: folder,
      clock: systemClock,
      log: silentLog,
      alarms: new Alarms({ clock: systemClock, log: silentLog }),
    };
    await using appliance = await Appliance.open(
      { ...box, openHal: async () => ({ ...hal, rootVerbs, close: async () => {} }) },
      undefined,
    );
    const updates = new Updates({ rootVerbs, folder, version: '1.0.0' });
    await using _ = new HealthKeeping(appliance, { ...box, updates });
    await told.promise;
    assert.deepEqual(
      rootVerbs.asked.map(({ words }) => words),
      [['working']],
    );
  });

  it('fails when nothing can be written to the disk', async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
    try {
      await assert.rejects(run());
    } finally {
      execFileSync('umount', [folder]);
    }
  });

  it('fails when the engine is gone', async () => {
    await hal.datapath.close();
    await assert.rejects(run(), (error) => isWeirError(error, 'ALREADY_CLOSED'));
  });
});
