import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Disk, mayLoop } from '../contract/storage/disk.ts';
import { stallingSync } from '../contract/storage/stalling-sync.ts';
import { Folder, until } from '../unit/storage/box.ts';
import { recordAlarms, recorded, recordsIn } from './kept-records.ts';
import { liveLab } from './live-lab.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { Weir } from './weir.ts';

/** Skipped without loop devices. */
const itLoops = mayLoop ? it : it.skip;
/** The watch over the disk looks every ten seconds. */
const watchMs = 30_000;

describe('lab: a disk that does not take records', function () {
  this.timeout(90_000);
  const lab = liveLab();

  const viewers = (source: string) =>
    ScriptedViewers.start(lab.world.viewer.host, { url: lab.url, transport: 'tcp', sources: [source] });

  it('but is only slow holds up the media of who joins, no answer, and nobody who watches', async () => {
    using tools = new Folder();
    using data = new Folder();
    const gate = tools.file('gate');
    const env = { ...stallingSync(tools.path), WEIR_STALL: gate };
    await using weir = await Weir.start(lab.world, { dataDir: data.path, env });
    await using first = await viewers('198.19.0.1');
    assert.deepEqual(await first.settled(5_000), [200]);
    await first.watching(5_000);

    writeFileSync(gate, '');
    await using second = await viewers('198.19.0.2');
    assert.deepEqual(await second.settled(5_000), [200]);
    await until('its start waits for the disk', () => existsSync(`${gate}.held`));
    const packets = async (group: ScriptedViewers) => (await group.counts())[0]?.rtpPackets ?? 0;
    const before = await packets(first);
    while ((await packets(first)) < before + 50) assert.equal(await packets(second), 0);
    for (const group of [first, second]) {
      group.command({ command: 'request', method: 'OPTIONS' });
      const answered = () => group.told('answer').some(({ method }) => method === 'OPTIONS');
      await group.program.until(answered, 5_000, 'the answer to OPTIONS');
    }
    assert.equal(await packets(second), 0);

    // It stays so: that viewer is given up, and who comes is sent away for now.
    await weir.shows(({ ended }) => ended.length === 1, 10_000, 'the end of the second');
    assert.deepEqual(recordAlarms(await weir.show()), ['billing.startStalled']);
    await using third = await viewers('198.19.0.3');
    assert.deepEqual(await third.settled(5_000), [503]);
    const held = await packets(first);
    while ((await packets(first)) < held + 50);

    rmSync(gate);
    await weir.shows((shown) => recordAlarms(shown).length === 0, 5_000, 'no alarm');
    await using fourth = await viewers('198.19.0.4');
    assert.deepEqual(await fourth.settled(5_000), [200]);
    await fourth.watching(5_000);
    await weir.terminate();
    const records = await recordsIn(data.path);
    assert.deepEqual(
      records.map(({ viewer, terminateCause }) => `${viewer.address} ${terminateCause}`).toSorted(),
      ['198.19.0.1 admin-reboot', '198.19.0.2 nas-error', '198.19.0.4 admin-reboot'],
    );
    assert.equal(records.find(({ viewer }) => viewer.address === '198.19.0.2')?.viewerTxPackets, '0');
  });

  it('as it is full refuses who joins with 453, keeps who watches, and loses no record', async () => {
    using disk = Disk.tmpfs(24);
    await using weir = await Weir.start(lab.world, { dataDir: disk.path });
    await using first = await viewers('198.19.0.1');
    assert.deepEqual(await first.settled(5_000), [200]);
    await first.watching(5_000);

    disk.fill();
    // Who finds it out is ended; after that nobody is let in.
    const refused = async (): Promise<boolean> => {
      await using late = await viewers('198.19.0.2');
      return (await late.settled(5_000))[0] === 453;
    };
    while (!(await refused()));
    const full = await weir.shows((shown) => recordAlarms(shown).length > 0, 5_000, 'an alarm');
    assert.ok(recordAlarms(full).includes('billing.refusing'), recordAlarms(full).join());
    assert.ok(full.viewers.some(({ viewer }) => viewer === '198.19.0.1'));
    const received = (await first.counts())[0]?.rtpPackets ?? 0;
    while (((await first.counts())[0]?.rtpPackets ?? 0) < received + 50);
    await first.teardown();

    disk.empty();
    await weir.shows((shown) => recordAlarms(shown).length === 0, watchMs, 'no alarm');
    await using after = await viewers('198.19.0.3');
    assert.deepEqual(await after.settled(5_000), [200]);
    await after.watching(5_000);
    await after.teardown();
    await weir.terminate();
    const records = await recordsIn(disk.path);
    const got = (await first.counts())[0];
    const ofFirst = records.filter(({ viewer }) => viewer.address === '198.19.0.1');
    assert.deepEqual(
      ofFirst.map(({ viewerTxPackets, terminateCause }) => [viewerTxPackets, terminateCause]),
      [[String(got?.rtpPackets), 'user-request']],
    );
    assert.equal(records.filter(({ viewer }) => viewer.address === '198.19.0.3').length, 1);
  });

  let nextSource = 10;
  const several = (count: number): Promise<ScriptedViewers> => {
    const sources = Array.from({ length: count }, () => `198.19.0.${nextSource++}`);
    return ScriptedViewers.start(lab.world.viewer.host, { url: lab.url, sources });
  };
  const watching = async (count: number): Promise<ScriptedViewers> => {
    const group = await several(count);
    await group.settled(10_000);
    await group.watching(10_000);
    return group;
  };
  /** One viewer after the other, until one finds out. */
  const findsOut = async (weir: Weir, alarm: string): Promise<void> => {
    for (let tries = 0; tries < 50; tries += 1) {
      await using one = await several(1);
      await one.settled(10_000);
      if (recordAlarms(await weir.show()).includes(alarm)) return;
    }
    throw new Error(`never: ${alarm}`);
  };

  it('as it is full relays without a record where the operator wants it so, and counts that', async () => {
    using disk = Disk.tmpfs(24);
    const billing = { whenFull: 'relay-unbilled' };
    await using weir = await Weir.start(lab.world, { dataDir: disk.path, billing });
    await using billed = await watching(2);
    disk.fill();
    await findsOut(weir, 'storage.full');
    const before = (await weir.show()).unbilledSessions;
    await using unbilled = await watching(3);
    const shown = await weir.show();
    assert.equal(shown.unbilledSessions, before + 3);
    assert.ok(recordAlarms(shown).includes('billing.unbilled'));
    const had = (await recordsIn(disk.path)).length;
    await unbilled.teardown();
    await billed.teardown();
    assert.equal((await recorded(disk.path, had + 2)).length, had + 2, 'of those whose start was stored');
    disk.empty();
    await weir.shows((shown) => recordAlarms(shown).length === 0, watchMs, 'no alarm');
    await using after = await watching(1);
    await after.teardown();
    assert.equal((await recorded(disk.path, had + 3)).length, had + 3);
    assert.equal((await weir.show()).unbilledSessions, before + 3);
  });

  itLoops(
    'as it has an error refuses who joins; repaired, it has a record of each open session',
    async () => {
      using disk = Disk.ext4(32);
      {
        await using weir = await Weir.start(lab.world, { dataDir: disk.path });
        await using group = await watching(4);
        disk.breakDown();
        await findsOut(weir, 'storage.failed');
        {
          await using refused = await several(1);
          assert.deepEqual(await refused.settled(10_000), [453]);
        }
        assert.ok(recordAlarms(await weir.show()).includes('billing.refusing'));
        // Two end while nothing can be stored; two watch until the box ends.
        await group.teardown([0, 1]);
        await weir.terminate();
      }
      await disk.repair();
      await using _again = await Weir.start(lab.world, { dataDir: disk.path });
      const all = await recorded(disk.path, 4);
      assert.deepEqual(
        all.map(({ recovered, terminateCause }) => `${terminateCause} ${recovered}`),
        new Array(4).fill('nas-error true'),
      );
      assert.equal(new Set(all.map(({ sessionId }) => sessionId)).size, 4);
      await using next = await watching(1);
      await next.teardown();
      await recorded(disk.path, 5);
    },
  );

  it('but has one byte changed is found out at the start, set aside, and served on from', async () => {
    using folder = new Folder();
    {
      await using _weir = await Weir.start(lab.world, { dataDir: folder.path });
      await using group = await watching(5);
      await group.teardown();
      await recorded(folder.path, 5);
    }
    const database = folder.file('weir.db');
    const bytes = readFileSync(database);
    const { recordId = '' } = (await recordsIn(folder.path)).at(-1) ?? {};
    // An earlier copy may lie in a page that has moved.
    bytes.write('X', bytes.lastIndexOf(recordId));
    writeFileSync(database, bytes);
    await using weir = await Weir.start(lab.world, { dataDir: folder.path });
    assert.deepEqual(recordAlarms(await weir.show()), ['storage.damaged']);
    const [aside = ''] = readdirSync(folder.path).filter((name) => name.startsWith('weir-damaged-'));
    assert.ok(readFileSync(folder.file(aside)).includes(`X${recordId.slice(1)}`), 'as it was');
    assert.equal((await recordsIn(folder.path)).length, 4, 'proven across the gap');
    await using group = await watching(2);
    await group.teardown();
    assert.equal((await recorded(folder.path, 6)).length, 6);
  });
});
