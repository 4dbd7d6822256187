import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { ScriptedOrigin } from '../../lab/origin-scripted.ts';
import { Freeradius } from '../../lab/upload/freeradius.ts';
import type { ViewerCounts } from '../../lab/viewers-scripted-options.ts';
import { startsWithinMs, typed } from '../technician.ts';
import { Audience, originOptions } from './audience.ts';
import { stopwatch, type UpdateRig, until } from './rig.ts';
import { readSlots } from './slots-on-disk.ts';
import { nextVersion, provideVersion } from './versions.ts';

/** A line of the report: what, and what came of it. */
export type Result = readonly [what: string, result: string];

/** That the first start of a new version is cut short so often is no reason to go back. */
const cutsAtFirstStart = 2;

interface Storage {
  readonly deviceId: string;
  readonly waitingDeliveries: number;
}

/** An update as it should be: viewers play on while it is installed, and nothing that the box had is gone afterwards. */
export async function takeNextVersion(rig: UpdateRig): Promise<readonly Result[]> {
  const { technician, world, say } = rig;
  const bundle = await provideVersion(rig.depot, nextVersion);
  const results: Result[] = [];
  const tell = (what: string, result: string) => {
    results.push([what, result]);
    say(`${what}: ${result}`);
  };

  await using origin = await ScriptedOrigin.start(world.origin.host, originOptions);
  // Its records wait: nobody is there yet who takes them.
  const early = await Audience.come(rig.world);
  await early.leave();
  const storage = await technician.asks<Storage>('show storage');
  const configuration = await technician.command('show configuration | no-more');

  const audience = await Audience.come(rig.world);
  const billedBefore = await audience.billed(technician);
  const took = stopwatch();
  assert.match(await rig.install(bundle), new RegExp(`version ${nextVersion.version} is installed`));
  tell('fetched by HTTP, checked and written', `${took()} s`);
  const billedAfter = await audience.billed(technician);
  for (const [address, before] of billedBefore) {
    assert.ok((billedAfter.get(address) ?? 0n) > before, `${address} was not billed any more`);
  }
  const played = await audience.counts();
  for (const { rtpPackets, lost, repeated } of played) {
    assert.deepEqual({ lost, repeated }, { lost: 0, repeated: 0 }, `of ${rtpPackets} packets`);
  }
  assert.ok(origin.requests('PLAY').length <= 2, 'the source was opened anew meanwhile');
  const packets = played.reduce((sum, { rtpPackets }) => sum + rtpPackets, 0);
  tell(
    `${played.length} viewers meanwhile, by UDP and by TCP`,
    `${packets} packets, 0 lost, 0 doubled; all billed on`,
  );

  const restarted = stopwatch();
  await rig.activate();
  await audience.ended();
  const received = [...early.last, ...(await audience.counts())];
  for (let cut = 1; cut <= cutsAtFirstStart; cut += 1) {
    const tries = 3 - cut;
    await until(
      'the boot loader counts the try',
      () => readSlots(rig.disk).b.tries === tries,
      startsWithinMs,
    );
    await rig.cutPower();
    say(`the power was cut while the new version started: ${cut}`);
  }
  const running = await rig.comesBack();
  assert.deepEqual(
    { slot: running.slot, version: running.version },
    { slot: 'b', version: nextVersion.version },
    'it went back',
  );
  tell(
    `activated, and its first start cut short ${cutsAtFirstStart} times`,
    `healthy after ${restarted()} s`,
  );

  const now = await rig.technician.asks<Storage>('show storage');
  assert.equal(now.deviceId, storage.deviceId, 'the key of the box is another');
  assert.equal(await rig.technician.command('show configuration | no-more'), configuration);
  assert.equal(now.waitingDeliveries, received.length, 'records wait for the RADIUS server');
  await using radius = await Freeradius.start({
    folder: join(rig.folder, 'radius'),
    host: world.origin.host,
    port: 1813,
    secret: typed.secret,
    address: world.origin.address4,
    client: world.wan.address4,
  });
  await rig.technician.command('request upload now');
  const stops = () => radius.rows().filter(({ acctstoptime }) => acctstoptime !== null);
  await until('every record is delivered', () => stops().length >= received.length);
  assertBilled(stops(), received);
  tell('records that nobody had taken before', `${received.length}, delivered after the update, to the byte`);
  return results;
}

/** Each viewer has one record, which says what it got. */
function assertBilled(
  rows: readonly { readonly acctoutputoctets: number | null }[],
  received: readonly ViewerCounts[],
): void {
  const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
  assert.deepEqual(
    sorted(rows.map(({ acctoutputoctets }) => Number(acctoutputoctets))),
    sorted(received.map(({ rtpBytes }) => rtpBytes)),
  );
}
