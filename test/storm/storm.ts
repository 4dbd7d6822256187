import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CloseStack, describeError } from '#base';
import { createWorld, type World } from '../../src/demo/world/index.ts';
import { percentile } from '../bench/figures.ts';
import { random } from '../fuzz/random.ts';
import { ScriptedOrigin } from '../lab/origin-scripted.ts';
import { Certificates } from '../lab/upload/certificates.ts';
import { Freeradius } from '../lab/upload/freeradius.ts';
import {
  accountedOtherwise,
  billedForNothing,
  doubled,
  type LedgerRecord,
  meteringGapMs,
  misbilled,
  type Note,
  neverTold,
  summary,
  unknownOrChanged,
  unrecorded,
  viewerOf,
} from './books.ts';
import { StormCollector } from './collector.ts';
import { StormDaemon } from './daemon.ts';
import { outboxOf, provenLedger, weir } from './export.ts';
import { StormViewers } from './viewers.ts';
import type { StormSession } from './viewers-options.ts';

export interface StormOptions {
  readonly kills: number;
  readonly seed: number;
  /** The books are compared after so many kills, and at the end. */
  readonly checkEvery: number;
  readonly viewers: number;
  /** Whether collector and RADIUS server go away and come back. */
  readonly flaky: boolean;
  /** Data folder, notes, exports. */
  readonly folder: string;
  readonly progress: (text: string) => void;
}

export interface StormResult {
  readonly kills: number;
  readonly killsWhileStarting: number;
  /** Viewers that got media. */
  readonly sessions: number;
  readonly records: number;
  readonly recovered: number;
  /** What the collector got more than once. */
  readonly duplicates: number;
  /** Notices that an origin got more than once. */
  readonly doubleNotices: number;
  readonly radiusRows: number;
  /** How often collector and RADIUS server went away. */
  readonly absences: number;
  /** Of cut-off sessions: media from the last stored counters to the end. */
  readonly worstGapMs: number;
  readonly startMs: readonly number[];
  readonly drainedMs: number;
  readonly seconds: number;
  /** Lines the daemon logged as errors. */
  readonly errors: readonly string[];
}

const ports = { rtsp: 554, radius: 1813, https: 8443 };
const secret = 's3cret';
const checkpointSeconds = 1;
/** What the last checkpoint missed, and as much for a disk and a machine that others use too. */
const gapMs = 2 * checkpointSeconds * 1000;
const leastLifeMs = 100;
const mostLifeMs = 3000;
/** One kill in so many comes before the daemon is ready. */
const earlyKills = 4;
/** Before any start was timed. */
const firstStartMs = 1000;
const recoveredMs = 20_000;
const drainMs = 120_000;

/** Kills the daemon again and again under load. Rejects at the first thing that does not add up. */
export async function storm(options: StormOptions): Promise<StormResult> {
  await using parts = new CloseStack();
  const world = parts.use(await createWorld());
  const run = await StormRun.begin(world, options, parts);
  return await run.blow();
}

class StormRun {
  readonly #world: World;
  readonly #options: StormOptions;
  readonly #parts: CloseStack;
  readonly #origin: ScriptedOrigin;
  readonly #collector: StormCollector;
  readonly #radius: Freeradius;
  readonly #below: (below: number) => number;
  readonly #files: { readonly config: string; readonly dataDir: string; readonly key: string };
  readonly #startMs: number[] = [];
  readonly #errors: string[] = [];
  readonly #calm = new AbortController();
  #viewers: StormViewers | undefined;
  #absences = 0;
  #early = 0;
  #worstGapMs = 0;

  private constructor(
    world: World,
    options: StormOptions,
    parts: CloseStack,
    receivers: { origin: ScriptedOrigin; collector: StormCollector; radius: Freeradius },
  ) {
    const { folder, seed } = options;
    this.#world = world;
    this.#options = options;
    this.#parts = parts;
    this.#origin = receivers.origin;
    this.#collector = receivers.collector;
    this.#radius = receivers.radius;
    this.#below = random(seed);
    this.#files = {
      config: join(folder, 'weir.json'),
      dataDir: join(folder, 'data'),
      key: join(folder, 'device.pem'),
    };
  }

  /** Collector and RADIUS server run on the box: how to get there is not what is tested. */
  static async begin(world: World, options: StormOptions, parts: CloseStack): Promise<StormRun> {
    const { folder, seed } = options;
    const tls = join(folder, 'tls');
    await mkdir(tls);
    const authority = new Certificates(tls);
    const [server, box] = [authority.issue('server'), authority.issue('box')];
    const origin = await ScriptedOrigin.start(world.origin.host, {
      ...{ port: ports.rtsp, packetsPerSecond: 40, packetsPerStart: 20, payloadBytes: 1000 },
    });
    parts.defer(() => origin.close());
    const { https: port } = ports;
    const collector = parts.use(
      await StormCollector.start(world.box, { folder, identity: server, port, seed }),
    );
    const radiusFolder = join(folder, 'radius');
    await mkdir(radiusFolder);
    // In memory, as long as the sandbox lives: it commits each packet, and the disk is the daemon's.
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=700', 'tmpfs', radiusFolder]);
    parts.defer(() => void execFileSync('umount', [radiusFolder]));
    const radius = await Freeradius.start({
      ...{ folder: radiusFolder, host: world.box, port: ports.radius, secret },
    });
    parts.defer(() => radius.close());
    const run = new StormRun(world, options, parts, { origin, collector, radius });
    await writeFile(run.#files.config, JSON.stringify(configuration(world, box.files)));
    return run;
  }

  async blow(): Promise<StormResult> {
    const beganMs = performance.now();
    const { kills, checkEvery, flaky, progress } = this.#options;
    await this.#firstLife();
    const weather = flaky ? this.#weather() : Promise.resolve();
    // Awaited below; until then a failure is not without a listener.
    weather.catch(() => {});
    for (let killed = 1; killed <= kills; killed += 1) {
      await this.#life(killed % checkEvery === 0);
      if (killed % checkEvery === 0) {
        const seconds = (performance.now() - beganMs) / 1000;
        progress(`${killed} of ${kills} kills in ${seconds.toFixed(0)} s, all adds up`);
      }
    }
    this.#calm.abort();
    await weather;
    const { ledger, sessions, drainedMs } = await this.#lastLife();
    const taken = this.#collector.notes();
    const told = this.#originNotes();
    return {
      ...{ kills, killsWhileStarting: this.#early, absences: this.#absences },
      ...{ sessions: sessions.length, records: ledger.length, drainedMs },
      recovered: ledger.filter(({ record }) => record.recovered).length,
      duplicates: taken.length - distinct(taken),
      doubleNotices: told.length - distinct(told),
      radiusRows: this.#radius.rows().length,
      worstGapMs: this.#worstGapMs,
      startMs: this.#startMs,
      seconds: (performance.now() - beganMs) / 1000,
      errors: this.#errors,
    };
  }

  /**
   * So that no viewer comes before the box is between it and the origin: what passes then is not metered. It ends in order,
   * as Node keeps what it has compiled at an orderly end only.
   */
  async #firstLife(): Promise<void> {
    const { seed, viewers } = this.#options;
    await using daemon = await this.#start();
    await daemon.ready();
    await writeFile(this.#files.key, await weir('records', 'key', '--data', this.#files.dataDir));
    const { address4, address6 } = this.#world.origin;
    this.#viewers = this.#parts.use(
      await StormViewers.start(this.#world.viewer.host, {
        urls: [`rtsp://${address4}/live`, `rtsp://${address4}/live`, `rtsp://[${address6}]/live`],
        ...{ seed, atOnce: viewers, leastWatchMs: 50, mostWatchMs: 5000 },
        ...{ answerMs: 1500, latelyMs: 5000 },
      }),
    );
    await daemon.terminate();
  }

  /** One life, from the start to the kill. */
  async #life(check: boolean): Promise<void> {
    const beganAt = Date.now();
    await using daemon = await this.#start();
    try {
      if (!check && this.#below(earlyKills) === 0) {
        this.#early += 1;
        await pause(this.#below(median(this.#startMs) ?? firstStartMs));
      } else {
        this.#startMs.push(await daemon.ready());
        if (check) await this.#check(beganAt);
        await pause(leastLifeMs + this.#below(mostLifeMs - leastLifeMs));
      }
      await daemon.kill();
    } finally {
      this.#errors.push(...daemon.errors);
    }
  }

  #start(): Promise<StormDaemon> {
    return StormDaemon.start(this.#world, this.#files);
  }

  /** Collector and RADIUS server, each on its own. */
  async #weather(): Promise<void> {
    this.#collector.mood('moody');
    const away = async (
      below: (below: number) => number,
      go: () => Promise<void>,
      back: () => Promise<void>,
    ) => {
      const { signal } = this.#calm;
      while (!signal.aborted) {
        await pause(500 + below(8000), signal);
        await go();
        this.#absences += 1;
        await pause(200 + below(5000), signal);
        await back();
      }
    };
    const { seed } = this.#options;
    const [collector, radius] = [this.#collector, this.#radius];
    await Promise.all([
      away(
        random(seed + 1),
        () => collector.go('away'),
        () => collector.go('back'),
      ),
      away(
        random(seed + 2),
        () => radius.kill(),
        () => radius.start(),
      ),
    ]);
    this.#collector.mood('steady');
  }

  /** What had ended before this life began has its record soon; what there is adds up. */
  async #check(beganAt: number): Promise<void> {
    const over = this.#sessions().filter(({ endedAt }) => endedAt < beganAt);
    const endMs = performance.now() + recoveredMs;
    let ledger = await this.#ledger();
    let missing = unrecorded(over, ledger);
    while (missing.length > 0 && performance.now() < endMs) {
      await pause(500);
      ledger = await this.#ledger();
      missing = unrecorded(over, ledger);
    }
    // Notes first, then the ledger: what is noted meanwhile may not be in what was read before.
    const told = { taken: this.#collector.notes(), notices: this.#originNotes() };
    ledger = await this.#ledger();
    this.#must([...missing, ...this.#addsUp(ledger, told)]);
  }

  #addsUp(
    ledger: readonly LedgerRecord[],
    { taken, notices }: { taken: readonly Note[]; notices: readonly Note[] },
  ): readonly string[] {
    const sessions = this.#sessions();
    this.#noteGaps(sessions, ledger);
    return [
      ...doubled(ledger),
      ...unknownOrChanged('the collector', taken, ledger),
      ...unknownOrChanged('the origin', notices, ledger),
      ...misbilled(sessions, ledger, { gapMs }),
    ];
  }

  #noteGaps(sessions: readonly StormSession[], ledger: readonly LedgerRecord[]): void {
    const bySession = new Map(sessions.map((session) => [session.viewer, session]));
    for (const { record } of ledger) {
      const session = bySession.get(viewerOf(record));
      if (!session || !record.recovered) continue;
      this.#worstGapMs = Math.max(this.#worstGapMs, meteringGapMs(session, Number(record.viewerTxBytes)));
    }
  }

  /** Everybody is there again, and everything gets where it belongs. */
  async #lastLife(): Promise<{
    ledger: readonly LedgerRecord[];
    sessions: readonly StormSession[];
    drainedMs: number;
  }> {
    await using daemon = await this.#start();
    this.#startMs.push(await daemon.ready());
    const viewers = this.#viewers;
    if (!viewers) throw new Error('no viewers');
    const beganMs = performance.now();
    // Notices need sessions with the origin by both families.
    viewers.settle(12);
    await this.#drained('with viewers');
    const drainedMs = performance.now() - beganMs;
    const { droppedPackets } = await viewers.leave();
    await this.#drained('with everybody gone');
    await daemon.terminate();
    this.#errors.push(...daemon.errors);
    const ledger = await this.#ledger();
    const sessions = this.#sessions();
    const [taken, notices] = [this.#collector.notes(), this.#originNotes()];
    this.#must([
      ...(droppedPackets > 0 ? [`the rig: its viewers had no room for ${droppedPackets} packets`] : []),
      ...this.#passedBy(),
      ...unrecorded(sessions, ledger),
      ...this.#addsUp(ledger, { taken, notices }),
      ...billedForNothing(sessions, ledger),
      ...neverTold('the collector', taken, ledger),
      ...neverTold('the origin', notices, ledger),
      ...accountedOtherwise(this.#radius.rows(), ledger),
    ]);
    return { ledger, sessions, drainedMs };
  }

  async #drained(when: string): Promise<void> {
    for (const endMs = performance.now() + drainMs; ; ) {
      const outbox = await outboxOf(this.#files.dataDir);
      const left = outbox.filter(
        ({ waiting, quarantined, unconfirmed }) => waiting + quarantined + unconfirmed > 0,
      );
      if (left.length === 0) return;
      if (performance.now() > endMs)
        throw violation([`${when}: still in the outbox: ${JSON.stringify(left)}`]);
      await pause(500);
    }
  }

  #sessions(): readonly StormSession[] {
    return this.#viewers?.sessions ?? [];
  }

  async #ledger(): Promise<readonly LedgerRecord[]> {
    const { dataDir, key } = this.#files;
    return provenLedger(dataDir, this.#options.folder, key).catch((error) => {
      throw violation([describeError(error)]);
    });
  }

  #originNotes(): readonly Note[] {
    return this.#origin
      .requests('SET_PARAMETER')
      .map(({ body, status }) => ({ ...JSON.parse(body), answered: status === 200 }));
  }

  /** `whenDown: closed`: whoever reached the origin himself got media that nobody metered. */
  #passedBy(): readonly string[] {
    return this.#origin
      .askedBy((address) => /^(198\.1[89]\.|2001:db8:19[89]:)/.test(address))
      .map((peer) => `${peer} reached the origin past the box`);
  }

  #must(violations: readonly string[]): void {
    if (violations.length > 0) throw violation(violations);
  }
}

function configuration(world: World, { ca, cert, key }: { ca: string; cert: string; key: string }): object {
  const tls = { caFile: ca, certFile: cert, keyFile: key };
  return {
    interfaces: { wan: { device: world.wan.device }, access: { device: world.access.device } },
    relay: { whenDown: 'closed', rtsp: { ports: [ports.rtsp] } },
    billing: {
      ...{ currency: 'EUR', checkpointSeconds },
      tariffs: [{ name: 'all', version: '1', pricePerMegabyte: '0.20', decimals: 6 }],
    },
    upload: {
      radius: [
        { name: 'isp', servers: [{ host: '127.0.0.1', port: ports.radius, secret }], interimSeconds: 1 },
      ],
      https: [{ name: 'collector', url: `https://localhost:${ports.https}/usage`, ...tls }],
    },
  };
}

const violation = (violations: readonly string[]): Error => new Error(summary(violations));

const distinct = (notes: readonly Note[]): number => new Set(notes.map(({ record }) => record.recordId)).size;

const median = (values: readonly number[]): number | undefined =>
  values.length === 0
    ? undefined
    : Math.ceil(
        percentile(
          values.toSorted((a, b) => a - b),
          0.5,
        ),
      );

/** Ends early, and does not mind, when `signal` says so. */
function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
