/**
 * Runs in the guest, as `node workload.ts RUN SEED`: one run of a store under load. Sessions begin, are metered, end and are
 * uploaded, many at a time; every promise of the store is marked on the disk. Odd runs end by SIGKILL,
 * even ones close the store; every two runs are one boot.
 */
import { mkdirSync } from 'node:fs';
import { Alarms, createLog, describeError, systemClock } from '#base';
import { openStore, type Store } from '#storage';
import { randomOf } from '../random.ts';
import { MarkWriter } from './mark-writer.ts';
import { destinations, type HowEnded } from './marks.ts';

const device = '/dev/vda';
const folder = '/data/weir';
const sessionsARun = 400;
const viewers = 24;
const checkpointMs = 200;
const retainMs = 2_000;
const longestStayMs = 600;
/** Records left waiting have to survive as well. */
const longestUploadPauseMs = 300;

class Workload {
  readonly #store: Store;
  readonly #run: number;
  readonly #random: () => number;
  readonly #marks: MarkWriter;
  readonly #open = new Set<string>();
  #begun = 0;

  constructor(store: Store, run: number, random: () => number, marks: MarkWriter) {
    this.#store = store;
    this.#run = run;
    this.#random = random;
    this.#marks = marks;
  }

  /** Until all sessions of the run have begun: some are open then, and some records wait. */
  async work(): Promise<void> {
    const { device, bootEpoch, leftOpen } = this.#store;
    this.#marks.write({ kind: 'opened', run: this.#run, device: device.id, bootEpoch });
    await Promise.all(leftOpen.map((session) => this.#finish(session.sessionId)));
    await Promise.all([
      ...Array.from({ length: viewers }, () => this.#view()),
      ...destinations.map((destination) => this.#upload(destination)),
      this.#meter(),
      this.#retain(),
    ]);
  }

  get #running(): boolean {
    return this.#begun < sessionsARun;
  }

  /** One viewer after the other. */
  async #view(): Promise<void> {
    while (this.#running) {
      const session = `${this.#run}-${++this.#begun}`;
      await this.#store.ledger.start({
        sessionId: session,
        startedAt: systemClock.nowMs(),
        clockTrusted: true,
        startedMonoNs: systemClock.monoNs(),
        facts: { url: 'rtsp://198.51.100.7/live', viewer: session, terms: { tariff: 'basic', version: 3 } },
      });
      this.#marks.write({ kind: 'started', session });
      this.#open.add(session);
      await systemClock.sleep(this.#random() * longestStayMs);
      if (!this.#running) return;
      this.#open.delete(session);
      await this.#finish(session);
    }
  }

  async #finish(session: string): Promise<void> {
    const { sequence, hash } = await this.#store.ledger.finish({
      sessionId: session,
      endedAt: systemClock.nowMs(),
      clockTrusted: true,
      record: { session, run: this.#run, text: 'x'.repeat(200 + Math.floor(this.#random() * 400)) },
      deliveries: destinations,
    });
    this.#marks.write({ kind: 'recorded', session, sequence, hash });
  }

  /** All open sessions have the same counter, and it grows. */
  async #meter(): Promise<void> {
    for (let bytes = 1; this.#running; bytes++) {
      const sessions = [...this.#open];
      const counters = { txBytes: BigInt(bytes), txPackets: 1n, droppedPackets: 0n, reportedLostPackets: 0n };
      await this.#store.ledger.checkpoint(
        systemClock.monoNs(),
        sessions.map((sessionId) => ({ sessionId, ...counters })),
      );
      this.#marks.write({ kind: 'metered', sessions, bytes });
      await systemClock.sleep(checkpointMs);
    }
  }

  /** Removes what nobody waits for. */
  async #retain(): Promise<void> {
    while (this.#running) {
      await systemClock.sleep(retainMs);
      this.#marks.write({ kind: 'retaining' });
      await this.#store.ledger.retain(systemClock.nowMs());
    }
  }

  async #upload(destination: string): Promise<void> {
    while (this.#running) {
      const limit = 1 + Math.floor(this.#random() * 20);
      const { entries } = await this.#store.outbox.waiting(destination, { limit });
      const deliveries = entries.map(({ sequence, body }) => ({
        sequence,
        session: JSON.parse(body).session,
      }));
      this.#marks.write({ kind: 'settling', destination, deliveries });
      await this.#store.outbox.settle(
        destination,
        deliveries.map(({ sequence }) => ({ sequence, outcome: 'acknowledged' })),
      );
      this.#marks.write({ kind: 'settled', destination, deliveries });
      await systemClock.sleep(this.#random() * longestUploadPauseMs);
    }
  }
}

async function main(run: number, seed: number): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const clock = systemClock;
  const write = (line: string) => process.stdout.write(line);
  const log = createLog({ write, level: () => 'warn', nowMs: () => clock.nowMs() });
  const bootId = `boot-${Math.ceil(run / 2)}`;
  using marks = new MarkWriter(device);
  const how: HowEnded = run % 2 === 1 ? 'killed' : 'closed';
  const store = await openStore({ folder, bootId, clock, log, alarms: new Alarms({ clock, log }) });
  await new Workload(store, run, randomOf(seed + run), marks).work();
  if (how === 'closed') await store.close();
  marks.write({ kind: 'ended', run, how });
  if (how === 'killed') process.kill(process.pid, 'SIGKILL');
}

const [run = '', seed = ''] = process.argv.slice(2);
try {
  await main(Number(run), Number(seed));
} catch (error) {
  console.error(`workload: ${describeError(error)}`);
  process.exitCode = 1;
}
