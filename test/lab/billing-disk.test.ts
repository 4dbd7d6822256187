import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openReader } from '#storage';
import type { UsageRecord } from '../../src/billing/index.ts';
import type { World } from '../../src/demo/world/index.ts';
import { Disk } from '../contract/storage/disk.ts';
import { Folder, until } from '../unit/storage/box.ts';
import { createLabWorld } from './lab-world.ts';
import { ScriptedOrigin } from './origin-scripted.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { type ShownRelay, Weir } from './weir.ts';

const stallingSync = join(import.meta.dirname, '..', 'contract', 'storage', 'stalling-sync.c');
const alarmNames = ({ alarms }: ShownRelay) => alarms.map(({ name }) => name).toSorted();

describe('lab: a disk that does not take records', function () {
  this.timeout(90_000);
  let world: World;
  let origin: ScriptedOrigin;
  let url: string;

  before(async () => {
    world = await createLabWorld();
    origin = await ScriptedOrigin.start(world.origin.host, { port: 554 });
    url = `rtsp://${world.origin.address4}/live`;
  });
  after(async () => {
    await origin?.close();
    await world?.close();
  });

  const viewers = (source: string) =>
    ScriptedViewers.start(world.viewer.host, { url, transport: 'tcp', sources: [source] });
  const recordsIn = async (folder: string): Promise<readonly UsageRecord[]> => {
    await using reader = await openReader(folder);
    const { entries } = await reader.ledger.entries({ limit: 1000 });
    return entries.filter(({ kind }) => kind === 'usage').map(({ body }) => JSON.parse(body));
  };

  it('but is only slow holds up the media of who joins, no answer, and nobody who watches', async () => {
    using tools = new Folder();
    using data = new Folder();
    const library = tools.file('stalling-sync.so');
    execFileSync('cc', ['-shared', '-fPIC', '-o', library, stallingSync, '-ldl']);
    const gate = tools.file('gate');
    const env = { LD_PRELOAD: library, WEIR_STALL: gate };
    await using weir = await Weir.start(world, { dataDir: data.path, env });
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

    // It stays so: that viewer is given up, and who comes is sent away for now.
    await weir.shows(({ ended }) => ended.length === 1, 10_000, 'the end of the second');
    assert.deepEqual(alarmNames(await weir.show()), ['billing.startStalled']);
    await using third = await viewers('198.19.0.3');
    assert.deepEqual(await third.settled(5_000), [503]);
    const held = await packets(first);
    while ((await packets(first)) < held + 50);

    rmSync(gate);
    await weir.shows(({ alarms }) => alarms.length === 0, 5_000, 'no alarm');
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
    await using weir = await Weir.start(world, { dataDir: disk.path });
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
    const full = await weir.shows(({ alarms }) => alarms.length > 0, 5_000, 'an alarm');
    assert.ok(alarmNames(full).includes('billing.refusing'), alarmNames(full).join());
    assert.ok(full.viewers.some(({ viewer }) => viewer === '198.19.0.1'));
    const received = (await first.counts())[0]?.rtpPackets ?? 0;
    while (((await first.counts())[0]?.rtpPackets ?? 0) < received + 50);
    await first.teardown();

    disk.empty();
    await weir.shows(({ alarms }) => alarms.length === 0, 30_000, 'no alarm');
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
});
