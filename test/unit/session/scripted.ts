/** An origin and a datapath whose every answer a test decides, and a clock that it turns. */
import { type Clock, Signal, silentLog, WeirError } from '#base';
import type { Endpoint, ViewerCounters, ViewerTrack } from '#hal';
import { Feed } from '../../../src/feed/index.ts';
import {
  type Caller,
  done,
  type OriginSession,
  type Outcome,
  type Presentation,
  type Proof,
  refused,
  type Target,
} from '../../../src/protocol/index.ts';
import {
  type MonitorLimits,
  openHooks,
  type SessionHooks,
  SessionMonitor,
} from '../../../src/session/index.ts';

export class HandClock implements Clock {
  #nowNs = 1_000_000_000n;
  readonly #due = new Set<{ atNs: bigint; periodNs: bigint | undefined; run: () => void }>();

  /** By how much the wall clock was set ahead. */
  setAheadMs = 0;

  nowMs = (): number => Number(this.#nowNs / 1_000_000n) + this.setAheadMs;
  monoNs = (): bigint => this.#nowNs;

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const timer = this.after(delayMs, resolve);
      signal?.addEventListener('abort', () => {
        timer[Symbol.dispose]();
        reject(signal.reason);
      });
    });
  }

  after(delayMs: number, run: () => void): Disposable {
    return this.#add(delayMs, undefined, run);
  }

  every(periodMs: number, run: () => void): Disposable {
    return this.#add(periodMs, BigInt(Math.round(periodMs * 1e6)), run);
  }

  #add(delayMs: number, periodNs: bigint | undefined, run: () => void): Disposable {
    const item = { atNs: this.#nowNs + BigInt(Math.round(delayMs * 1e6)), periodNs, run };
    this.#due.add(item);
    return { [Symbol.dispose]: () => this.#due.delete(item) };
  }

  /** Lets `ms` pass in steps, with everything that follows from each step done before the next. */
  async pass(ms: number, stepMs = 250): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.#nowNs += BigInt(Math.min(left, stepMs)) * 1_000_000n;
      for (const item of [...this.#due]) {
        if (item.atNs > this.#nowNs) continue;
        if (item.periodNs === undefined) this.#due.delete(item);
        else item.atNs += item.periodNs;
        item.run();
      }
      await settled();
    }
  }
}

/** Resolves after everything that is ready to run has run. */
export const settled = async (): Promise<void> => {
  for (let round = 0; round < 20; round++) await new Promise((resolve) => setImmediate(resolve));
};

export const origin: Endpoint = { address: '203.0.113.10', port: 554 };
export const target: Target = { key: 'rtsp://203.0.113.10/live', url: 'rtsp://203.0.113.10/live' };

export const caller = (number: number, dialled: Endpoint = origin): Caller => ({
  protocol: 'rtsp',
  viewer: { address: `198.18.0.${number % 250}`, port: 10_000 + number },
  origin: dialled,
});

export const proof = (authorization?: string): Proof => ({ uri: target.url, authorization });

export const presentation = (live = true): Presentation => ({
  description: Buffer.from('v=0\r\n'),
  contentType: 'application/sdp',
  headers: [],
  documentUrl: target.url,
  aggregateUrl: target.url,
  live,
  tracks: [
    {
      index: 0,
      control: 'a',
      form: 'video H264/90000 96',
      formats: [],
      controlUrl: `${target.url}/a`,
      codec: 'h264',
      clockRateHz: 90_000,
      video: true,
    },
    {
      index: 1,
      control: 'b',
      form: 'audio OPUS/48000 97',
      formats: [],
      controlUrl: `${target.url}/b`,
      codec: 'none',
      clockRateHz: 48_000,
      video: false,
    },
  ],
});

export const originSays = (status: number): Outcome<never> =>
  refused({ why: 'origin', answer: { status, phrase: 'scripted', headers: [], body: new Uint8Array() } });

/** One scripted session with the origin; everything that reached it is kept. */
export class ScriptedOriginSession implements OriginSession {
  challenged = false;
  signsItself = true;
  readonly ended = new Signal<{ text: string }>((error) => {
    throw error;
  });
  readonly requests: string[] = [];
  closed = false;
  readonly #script: OriginScript;
  readonly #played: () => void;

  constructor(script: OriginScript, played: () => void) {
    this.#script = script;
    this.#played = played;
  }

  async describe(given: Proof | undefined): Promise<Outcome<Presentation>> {
    this.requests.push(`DESCRIBE ${given?.authorization ?? '-'}`);
    const outcome = await this.#script.describe(given ?? proof());
    if (!outcome.ok && outcome.refusal.why === 'origin' && outcome.refusal.answer.status === 401) {
      this.challenged = true;
      this.signsItself = false;
    }
    return outcome;
  }

  async setup(track: number, given: Proof | undefined) {
    this.requests.push(`SETUP ${track} ${given?.authorization ?? '-'}`);
    const outcome = await this.#script.setup(given);
    const source = { address: origin.address, port: 6000 };
    return outcome.ok
      ? done({ track, transport: 'udp' as const, pair: {} as never, rtpSource: source, rtcpSource: source })
      : outcome;
  }

  async play(_range: string | undefined, given: Proof | undefined): Promise<Outcome<void>> {
    this.requests.push(`PLAY ${given?.authorization ?? '-'}`);
    const outcome = await this.#script.play(given);
    if (outcome.ok) this.#played();
    return outcome;
  }

  async pause(): Promise<Outcome<void>> {
    this.requests.push('PAUSE');
    return done(undefined);
  }

  async notify(): Promise<number> {
    this.requests.push('SET_PARAMETER');
    return 200;
  }

  async close(): Promise<void> {
    if (!this.closed) this.requests.push('close');
    this.closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

export interface OriginScript {
  describe: (given: Proof) => Promise<Outcome<Presentation>>;
  setup: (given: Proof | undefined) => Promise<Outcome<void>>;
  play: (given: Proof | undefined) => Promise<Outcome<void>>;
}

export const zero: ViewerCounters = {
  txPackets: 0n,
  txBytes: 0n,
  txRtcpPackets: 0n,
  droppedPackets: 0n,
  skippedNonReferencePackets: 0n,
  startPointSkips: 0n,
  behindSinceMonoNs: 0n,
  oversizedPackets: 0n,
  rxRtcpPackets: 0n,
  reportedLostPackets: 0n,
  refusals: 0n,
  lastRxMonoNs: 0n,
};

/** A viewer's place in the scripted datapath; a test sets what it counts and what it says. */
export class ScriptedPath {
  readonly starts = [{ track: 0, seq: 7, rtpTime: 70 }];
  readonly refused = new Signal<{ refusals: number }>((error) => {
    throw error;
  });
  readonly calls: string[] = [];
  lastRxMonoNs = 0n;
  behindSinceMonoNs = 0n;
  txBytes = 0n;
  broken = false;
  /** What was sent is not all acknowledged before this. */
  settled: Promise<void> | undefined;

  async play(): Promise<void> {
    this.#mayBreak();
    this.calls.push('play');
  }
  async pause(): Promise<void> {
    this.calls.push('pause');
  }
  async seekToStart() {
    this.calls.push('seek');
    return this.starts;
  }
  counters(): ViewerCounters {
    const { lastRxMonoNs, behindSinceMonoNs, txBytes } = this;
    return { ...zero, lastRxMonoNs, behindSinceMonoNs, txBytes };
  }
  async close(options: { bye?: boolean } = {}): Promise<void> {
    this.#mayBreak();
    this.calls.push(options.bye ? 'close with BYE' : 'close');
    await this.settled;
  }
  #mayBreak(): void {
    if (this.broken) throw new WeirError('DATAPATH_FAILED', 'scripted');
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A monitor on a scripted world. */
export class Stage {
  readonly clock = new HandClock();
  readonly sessions: ScriptedOriginSession[] = [];
  readonly paths: ScriptedPath[] = [];
  /** The origin's BYE. */
  readonly bye = new Signal<{ track: number }>((error) => {
    throw error;
  });
  /** What a viewer that is taken in waits for. */
  takingIn: Promise<void> = Promise.resolve();
  readonly script: OriginScript = {
    describe: async () => done(presentation()),
    setup: async () => done(undefined),
    play: async () => done(undefined),
  };
  limits: MonitorLimits = {
    maxFeeds: 10,
    maxFeedsPerAddress: 10,
    maxViewers: 5000,
    lingerMs: 0,
    patienceMs: 10_000,
    sessionTimeoutMs: 60_000,
    slowViewerMs: 20_000,
  };
  times = { silenceMs: 5000, patienceMs: 30_000 };
  /** What the source begins to send when it is played. */
  sends: 'media' | 'nothing' = 'media';
  /** When the last packet of the source came; 0n: none yet. */
  lastRxMonoNs = 0n;
  startPoints = 0n;
  /** As if sets came in band. */
  parameterSets = 1n;
  /** When each session with the origin was opened. */
  readonly openedMonoNs: bigint[] = [];
  /** What the pauses between attempts are drawn with. */
  random = Math.random;
  /** Calls of `receive` that went on with a source that had failed. */
  resumed = 0;
  readonly monitor: SessionMonitor;

  constructor(hooks: Partial<SessionHooks> = {}) {
    this.monitor = new SessionMonitor({
      clock: this.clock,
      log: silentLog,
      hooks: { ...openHooks, ...hooks },
      limits: () => this.limits,
      openOriginSession: () => this.#openSession(),
      openFeed: (options) =>
        Feed.open({
          ...options,
          clock: this.clock,
          log: silentLog,
          ringBytes: 1,
          ringMs: 1,
          datapath: this.#datapath as never,
          openSession: () => this.#openSession(),
          times: () => this.times,
          random: () => this.random(),
        }),
    });
  }

  #openSession(): ScriptedOriginSession {
    const session = new ScriptedOriginSession(this.script, () => {
      if (this.sends === 'media') this.sendMedia();
    });
    this.openedMonoNs.push(this.clock.monoNs());
    this.sessions.push(session);
    return session;
  }

  /** A picture that a decoder can start with comes from the source. */
  sendMedia(): void {
    this.lastRxMonoNs = this.clock.monoNs();
    this.startPoints += 1n;
  }

  readonly #datapath = {
    createFeed: async () => ({
      receive: async (_tracks: unknown, options: { resume?: boolean } = {}) => {
        if (options.resume) this.resumed += 1;
      },
      addViewer: async (_options: { tracks: readonly ViewerTrack[] }) => {
        await this.takingIn;
        const path = new ScriptedPath();
        this.paths.push(path);
        return path;
      },
      bye: this.bye,
      counters: () => {
        const { lastRxMonoNs, startPoints, parameterSets } = this;
        return { rxPackets: 0n, lastRxMonoNs, startPoints, parameterSets };
      },
      close: async () => {},
    }),
  };

  /** Everything that reached the origin, in order of its sessions. */
  get requests(): string[] {
    return this.sessions.flatMap(({ requests }) => requests);
  }

  /** A viewer that does what players do: describe, set the tracks up, play. */
  async watch(who: Caller, authorization?: string, tracks: readonly number[] = [0, 1]) {
    const described = await this.monitor.describe(who, target, proof(authorization));
    if (!described.ok) return described;
    const joined = await this.monitor.join(who, target, proof(authorization));
    if (!joined.ok) return joined;
    for (const track of tracks) {
      const setUp = await joined.value.setup(track, proof(authorization));
      if (!setUp.ok) return setUp;
    }
    const played = await joined.value.play({ tracks: [], range: undefined, proof: proof(authorization) });
    if (!played.ok) return played;
    await joined.value.begin();
    return joined;
  }
}
