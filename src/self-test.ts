import { createPublicKey } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Alarms, type Clock, CloseStack, type Log, silentLog, WeirError } from '#base';
import type { Hal } from '#hal';
import { openStore, type Store, type StoredEntry, verifyChain } from '#storage';
import { LoopbackRelay } from './loopback-relay.ts';

/** What is needed in no case, so that a disk that is nearly full does not fail the test. */
const ballastBytes = 4096;

export interface SelfTestReport {
  /** That came to the viewers. */
  readonly packets: number;
  /** Of the records that were made of it. */
  readonly recordedPackets: number;
}

/**
 * Does the main job once, inside the box: a source of its own, an upstream, a viewer by UDP and another one by TCP, through the
 * engine that serves real viewers; their records, signed and committed to books of their own on the same disk, are read back and
 * proven. No NIC takes part in it, no real record and no receiver. Nothing of it is left behind.
 *
 * @throws {WeirError} SELF_TEST_FAILED, or what failed.
 */
export async function selfTest(options: {
  readonly hal: Hal;
  /** The data folder. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log?: Log;
  /** How long a viewer waits for its media; a slow box needs a tenth of the 30 s that are taken when this is not given. */
  readonly patienceMs?: number;
}): Promise<SelfTestReport> {
  const { hal, clock, log = silentLog, patienceMs = 30_000 } = options;
  const folder = join(options.folder, 'self-test');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  await using parts = new CloseStack();
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  const alarms = new Alarms({ clock, log });
  const bootId = await hal.board.bootId();
  const store = parts.use(await openStore({ folder, bootId, clock, log, alarms, ballastBytes }));
  let packets = 0;
  {
    await using relay = await LoopbackRelay.open({ hal, store, patienceMs, alarms, clock, log });
    for (const transport of ['udp', 'tcp'] as const) packets += await relay.watch(transport);
  }
  return { packets, recordedPackets: await provenPackets(store, packets) };
}

/** What the books say was sent, when they can be proven and lack nothing of what came. */
async function provenPackets(store: Store, packets: number): Promise<number> {
  const { entries, damaged } = await store.ledger.entries();
  const { faults } = await verifyChain(entries, createPublicKey(store.device.publicKey));
  const records = entries.filter(({ kind }) => kind === 'usage').map(sentPackets);
  const recorded = records.reduce((sum, one) => sum + one, 0);
  if (records.length === 2 && damaged.length === 0 && faults.length === 0 && recorded >= packets) {
    return recorded;
  }
  throw new WeirError('SELF_TEST_FAILED', 'the records of the self-test cannot be proven', {
    fields: { records: records.length, faults: faults.length, recorded, received: packets },
  });
}

const sentPackets = ({ body }: StoredEntry): number => Number(JSON.parse(body).viewerTxPackets);
