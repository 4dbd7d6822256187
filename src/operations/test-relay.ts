import { type Clock, describeError, isWeirError, WeirError } from '#base';
import type { Endpoint, FeedCounters, ViewerTrack } from '#hal';
import {
  type Caller,
  type Monitor,
  type Outcome,
  type Proof,
  type Refusal,
  rtspWire,
  type ServerPorts,
  TerminateCause,
  type ViewerSession,
} from '../protocol/index.ts';

const stepNames = ['resolve', 'connect', 'describe', 'setup', 'play', 'first packet', 'start point'] as const;
export type TestStepName = (typeof stepNames)[number];

/** One step of the test, in the order they were done. */
export interface TestStep {
  readonly step: TestStepName;
  readonly ok: boolean;
  readonly ms: number;
  /** What was found, or why it failed. */
  readonly text: string;
}

export interface RelayTest {
  readonly url: string;
  readonly origin: string | null;
  readonly ok: boolean;
  readonly steps: readonly TestStep[];
}

export interface TestParts {
  readonly monitor: Monitor;
  readonly serverPorts: ServerPorts;
  readonly clock: Clock;
  /** The addresses of a host, best first. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
  /** Opens a TCP connection and closes it again. */
  readonly connect: (to: Endpoint) => Promise<void>;
  /** Counters of the feed that a session is in. */
  readonly countersOf: (session: ViewerSession) => FeedCounters | undefined;
}

export interface TestWish {
  readonly url: string;
  /** How long each of the last two steps may take. 10 when not given. */
  readonly mediaSeconds?: number;
  readonly onStep?: (step: TestStep) => void;
  readonly signal?: AbortSignal;
}

/** A step that failed ends the test; its text is for the operator. */
class StepFailed extends Error {}

const lookMs = 20;

/**
 * Opens a feed as a viewer would, by the same session monitor, and says what happened step by step. The box is its own viewer
 * at a loopback address, to which nothing is sent: the session never begins, so that it is not billed. A feed that is
 * playing already is joined, as for any viewer.
 *
 * @throws {WeirError} USAGE when it is no rtsp:// URL.
 */
export async function testRelay(parts: TestParts, wish: TestWish): Promise<RelayTest> {
  const test = new Test(parts, wish);
  try {
    await test.run();
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
  }
  return test.result;
}

class Test {
  readonly #parts: TestParts;
  readonly #wish: TestWish;
  readonly #url: rtspWire.RtspUrl;
  readonly #credentials: { readonly username: string; readonly password: string } | undefined;
  readonly #steps: TestStep[] = [];
  #origin: Endpoint | undefined;
  #challenge: rtspWire.Challenge | undefined;
  #nonceCount = 0;

  constructor(parts: TestParts, wish: TestWish) {
    this.#parts = parts;
    this.#wish = wish;
    this.#url = parseUrl(wish.url);
    this.#credentials = credentialsIn(wish.url);
  }

  get result(): RelayTest {
    return {
      url: this.#url.raw,
      origin: this.#origin ? `${this.#origin.address} ${this.#origin.port}` : null,
      ok: this.#steps.length === stepNames.length && this.#steps.every(({ ok }) => ok),
      steps: this.#steps,
    };
  }

  async run(): Promise<void> {
    const origin = await this.#step('resolve', () => this.#resolve());
    this.#origin = origin;
    await this.#step('connect', async () => {
      await this.#parts.connect(origin);
      return [undefined, `${origin.address} port ${origin.port}`];
    });
    const viewer = { address: origin.address.includes(':') ? '::1' : '127.0.0.1', port: discardPort };
    const caller: Caller = { protocol: 'test', viewer, origin };
    try {
      await this.#watch(caller);
    } finally {
      await this.#parts.monitor.forget(caller);
    }
  }

  async #watch(caller: Caller): Promise<void> {
    const key = rtspWire.normalizeForSharing(this.#url);
    const target = { key, url: key };
    const presentation = await this.#step('describe', async () => {
      const described = await this.#described(caller, target);
      const value = must(described);
      const what = value.tracks.map(({ form }) => form).join(', ');
      const live = value.live
        ? 'live'
        : 'not live: it has an end, so that every viewer gets an upstream of its own';
      return [value, `${tracksText(value.tracks.length)} (${what}), ${live}`];
    });
    const ports: { release(): Promise<void> }[] = [];
    let session: ViewerSession | undefined;
    try {
      const [joined, tracks] = await this.#step('setup', async () => {
        const one = must(await this.#parts.monitor.join(caller, target, this.#proof('DESCRIBE', key)));
        session = one;
        const set: ViewerTrack[] = [];
        for (const { index, controlUrl } of presentation.tracks) {
          must(await one.setup(index, this.#proof('SETUP', controlUrl)));
          const { address: originAddress } = caller.origin;
          const wish = { originAddress, feed: one.feed, track: index, viewerAddress: caller.viewer.address };
          const lent = await this.#parts.serverPorts.lend(wish);
          ports.push(lent);
          const at = caller.viewer;
          set.push({ track: index, transport: 'udp', pair: lent.pair, rtpTarget: at, rtcpTarget: at });
        }
        return [[one, set] as const, set.length === 1 ? 'the track' : `all ${tracksText(set.length)}`];
      });
      const before = this.#parts.countersOf(joined);
      await this.#step('play', async () => {
        const proof = this.#proof('PLAY', presentation.aggregateUrl);
        must(await joined.play({ tracks, range: undefined, proof }));
        return [undefined, before && before.rxPackets > 0n ? 'joined a feed that is playing' : 'began'];
      });
      await this.#media(joined, before);
    } finally {
      await session?.end(TerminateCause.userRequest);
      for (const lent of ports) await lent.release();
    }
  }

  async #media(session: ViewerSession, before: FeedCounters | undefined): Promise<void> {
    const since = before?.rxPackets ?? 0n;
    await this.#step('first packet', async () => {
      const { rxPackets } = await this.#until(session, 'no packet came', (now) => now.rxPackets > since);
      return [undefined, `${rxPackets - since} packets`];
    });
    await this.#step('start point', async () => {
      const text = 'no start point (key frame) came: viewers see no picture';
      const { startPoints } = await this.#until(session, text, (now) => now.startPoints > 0n);
      return [undefined, `${startPoints} so far`];
    });
  }

  /** Polls the counters, which the engine writes without telling anybody. */
  async #until(
    session: ViewerSession,
    otherwise: string,
    reached: (counters: FeedCounters) => boolean,
  ): Promise<FeedCounters> {
    const { clock, countersOf } = this.#parts;
    const seconds = this.#wish.mediaSeconds ?? 10;
    const deadline = clock.monoNs() + BigInt(Math.round(seconds * 1e9));
    for (;;) {
      const counters = countersOf(session);
      if (counters === undefined) throw new StepFailed('the source has ended');
      if (reached(counters)) return counters;
      if (clock.monoNs() > deadline) throw new StepFailed(`${otherwise} within ${seconds} s`);
      await clock.sleep(lookMs, this.#wish.signal);
    }
  }

  async #resolve(): Promise<[Endpoint, string]> {
    const { host, port } = this.#url;
    const addresses = await this.#parts.resolve(host);
    const [address] = addresses;
    if (address === undefined) throw new StepFailed(`${host} has no address`);
    return [
      { address, port },
      addresses.length > 1 ? `${addresses.join(', ')}; the first is taken` : address,
    ];
  }

  /** Asked again with the URL's user name and password where the origin wants some. */
  async #described(caller: Caller, target: { key: string; url: string }) {
    const { monitor } = this.#parts;
    const first = await monitor.describe(caller, target, this.#proof('DESCRIBE', target.url));
    if (first.ok || first.refusal.why !== 'origin' || first.refusal.answer.status !== 401) return first;
    const challenges = first.refusal.answer.headers
      .filter(([name]) => name.toLowerCase() === 'www-authenticate')
      .map(([, value]) => value);
    this.#challenge = rtspWire.strongestChallenge(rtspWire.parseChallenges(challenges));
    if (!this.#credentials || !this.#challenge) return first;
    return monitor.describe(caller, target, this.#proof('DESCRIBE', target.url));
  }

  #proof(method: string, uri: string): Proof {
    if (!this.#credentials || !this.#challenge) return { uri, authorization: undefined };
    const facts = { ...this.#credentials, method, uri, nonceCount: ++this.#nonceCount };
    return { uri, authorization: rtspWire.authorize(this.#challenge, facts) };
  }

  async #step<T>(step: TestStepName, work: () => Promise<readonly [T, string]>): Promise<T> {
    const began = this.#parts.clock.monoNs();
    const tell = (ok: boolean, text: string) => {
      const ms = Math.round(Number(this.#parts.clock.monoNs() - began) / 1e6);
      const told = { step, ok, ms, text };
      this.#steps.push(told);
      this.#wish.onStep?.(told);
    };
    try {
      this.#wish.signal?.throwIfAborted();
      const [value, text] = await work();
      tell(true, text);
      return value;
    } catch (error) {
      const text = this.#wish.signal?.aborted ? 'ended early' : describeError(error);
      tell(false, text);
      throw new StepFailed(text);
    }
  }
}

/** RFC 863; nothing is ever sent there. */
const discardPort = 9;

function must<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw new StepFailed(refusalText(outcome.refusal));
}

function refusalText(refusal: Refusal): string {
  switch (refusal.why) {
    case 'origin': {
      const { status, phrase } = refusal.answer;
      const advice = status === 401 ? ': it wants a user name and password, rtsp://USER:PASSWORD@…' : '';
      return `the origin answers ${status} ${phrase}${advice}`;
    }
    case 'unreachable':
      return refusal.timedOut ? `the origin does not answer in time: ${refusal.text}` : refusal.text;
    case 'bad-answer':
    case 'not-admitted':
    case 'not-now':
      return refusal.text;
    case 'ended':
      return 'the source has ended';
    case 'state':
    case 'not-proven':
    case 'connection-busy':
      return `refused (${refusal.why})`;
  }
}

const tracksText = (count: number): string => (count === 1 ? '1 track' : `${count} tracks`);

function parseUrl(url: string): rtspWire.RtspUrl {
  try {
    return rtspWire.parseRtspUrl(url);
  } catch (cause) {
    if (!isWeirError(cause)) throw cause;
    throw new WeirError('USAGE', cause.message, {
      advice: 'write it like rtsp://tv.example.net/live',
      cause,
    });
  }
}

/** User information of a URL (RFC 3986 s.3.2.1). Secret: neither shown nor logged. */
function credentialsIn(url: string): { username: string; password: string } | undefined {
  const [, authority = ''] = /^rtsp:\/\/([^/?]*)/i.exec(url) ?? [];
  const at = authority.lastIndexOf('@');
  if (at < 0) return undefined;
  const [username = '', ...password] = authority.slice(0, at).split(':');
  return { username: decode(username), password: decode(password.join(':')) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not percent-encoded, but with a percent sign.
    return text;
  }
}
