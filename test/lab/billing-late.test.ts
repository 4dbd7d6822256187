import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Disk, mayLoop } from '../contract/storage/disk.ts';
import { recordAlarms, recorded, recordsIn } from './kept-records.ts';
import { liveLab } from './live-lab.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { Weir } from './weir.ts';

/** The store is tried again every ten seconds. */
const againMs = 30_000;

interface BadDisk extends Disposable {
  readonly path: string;
  spoil(): void;
  /** For this process and for that one, which has a mount table of its own. */
  mend(pid: number): void;
}

const disks: ReadonlyArray<readonly [name: string, possible: boolean, make: () => BadDisk]> = [
  [
    'full',
    true,
    () => {
      const disk = Disk.tmpfs(24);
      return {
        path: disk.path,
        spoil: () => {
          // Else the ballast of an earlier run gives the room that opening needs.
          rmSync(join(disk.path, 'weir.ballast'), { force: true });
          disk.fill();
        },
        mend: () => disk.empty(),
        [Symbol.dispose]: () => disk[Symbol.dispose](),
      };
    },
  ],
  [
    'read-only',
    mayLoop,
    () => {
      const disk = Disk.ext4(32);
      return {
        path: disk.path,
        spoil: () => disk.remountReadOnly(true),
        mend: (pid) => {
          disk.remountReadOnly(false);
          const remount = ['mount', '-o', 'remount,rw', disk.path];
          execFileSync('nsenter', [`--mount=/proc/${pid}/ns/mnt`, ...remount]);
        },
        [Symbol.dispose]: () => disk[Symbol.dispose](),
      };
    },
  ],
];

describe('lab: a disk whose records cannot be opened at the start', function () {
  this.timeout(90_000);
  const lab = liveLab();

  const viewer = (source: string) =>
    ScriptedViewers.start(lab.world.viewer.host, { url: lab.url, sources: [source] });
  const watching = async (source: string): Promise<ScriptedViewers> => {
    const one = await viewer(source);
    assert.deepEqual(await one.settled(5_000), [200]);
    await one.watching(5_000);
    return one;
  };

  for (const [name, possible, make] of disks) {
    const itMay = possible ? it : it.skip;

    itMay(`but is ${name}: who comes is refused with 453 and an alarm, until it can be written`, async () => {
      using disk = make();
      disk.spoil();
      await using weir = await Weir.start(lab.world, { dataDir: disk.path });
      assert.deepEqual(recordAlarms(await weir.show()), ['storage.unavailable']);
      await using refused = await viewer('198.19.0.1');
      assert.deepEqual(await refused.settled(5_000), [453]);
      assert.deepEqual(recordAlarms(await weir.show()), ['billing.refusing', 'storage.unavailable']);
      disk.mend(weir.program.pid);
      await weir.shows((shown) => recordAlarms(shown).length === 0, againMs, 'no alarm');
      await using billed = await watching('198.19.0.2');
      await billed.teardown();
      const records = await recorded(disk.path, 1);
      assert.deepEqual(
        records.map(({ viewer }) => viewer.address),
        ['198.19.0.2'],
      );
      assert.equal((await weir.show()).unbilledSessions, 0);
      assert.deepEqual(await weir.terminate(), { code: 0, signal: null });
    });

    itMay(
      `but is ${name}: relays without a record where the operator wants it so, and bills from then on`,
      async () => {
        using disk = make();
        const billing = { whenFull: 'relay-unbilled' };
        {
          await using _weir = await Weir.start(lab.world, { dataDir: disk.path, billing });
          await using before = await watching('198.19.0.1');
          await before.teardown();
          await recorded(disk.path, 1);
        }
        disk.spoil();
        await using weir = await Weir.start(lab.world, { dataDir: disk.path, billing });
        await using unbilled = await watching('198.19.0.2');
        const shown = await weir.show();
        assert.deepEqual(recordAlarms(shown), ['billing.unbilled', 'storage.unavailable']);
        assert.equal(shown.unbilledSessions, 1);
        disk.mend(weir.program.pid);
        await weir.shows((shown) => recordAlarms(shown).length === 0, againMs, 'no alarm');
        await using billed = await watching('198.19.0.3');
        const before = (await unbilled.counts())[0]?.rtpPackets ?? 0;
        while (((await unbilled.counts())[0]?.rtpPackets ?? 0) < before + 50);
        await unbilled.teardown();
        await billed.teardown();
        assert.deepEqual(await weir.terminate(), { code: 0, signal: null });
        assert.deepEqual(
          (await recordsIn(disk.path)).map(({ viewer }) => viewer.address),
          ['198.19.0.1', '198.19.0.3'],
        );
      },
    );
  }
});
