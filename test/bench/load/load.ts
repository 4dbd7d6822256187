import { type Closeable, WeirError } from '#base';
import type { Viewer } from '../../../src/demo/world/index.ts';
import { type JoinTimes, LoadViewer } from './load-viewer.ts';
import { type Latency, Receiver, type TrackReport } from './receiver.ts';
import { droppedAddress, receivingAddress } from './viewer-addresses.ts';

export interface LoadOptions {
  readonly url: string;
  readonly server: { readonly address: string; readonly port: number };
  readonly transport: 'udp' | 'tcp';
  readonly clientPort?: number;
  /** Of each viewer's connection; by default the kernel chooses. */
  readonly receiveBufferBytes?: number;
  /** False: takes every packet by itself, also when several come in one piece. */
  readonly takesWhole?: boolean;
  /** False for servers that know no GET_PARAMETER; then they are soon done with. */
  readonly keepAlive?: boolean;
}

/** One viewer: when it joined, and what it got on all its tracks. */
export interface ViewerReport {
  readonly viewer: number;
  readonly tracks: readonly TrackReport[];
  /** PLAY sent to the first packet of any track; undefined: none came. */
  readonly firstPacketNs: number | undefined;
  /** PLAY sent to the last packet of the first whole frame of the first track. */
  readonly firstFrameNs: number | undefined;
  /** PLAY sent to the last packet of the first picture of the first track that a decoder can start at. */
  readonly firstStartFrameNs: number | undefined;
  /** The same, until the receiver had it in its hands. */
  readonly firstFrameReadNs: number | undefined;
}

export interface LoadReport {
  readonly viewers: readonly ViewerReport[];
  readonly totals: Pick<
    TrackReport,
    | 'packets'
    | 'bytes'
    | 'lost'
    | 'duplicates'
    | 'reordered'
    | 'malformed'
    | 'foreign'
    | 'ssrcChanges'
    | 'timeBackwards'
    | 'byes'
  >;
  readonly latency: Latency;
  /** By the connections of those that were added by `addDiscarding`, '$' headers and RTCP included. */
  readonly discardedBytes: number;
  readonly latencyUdp: Latency;
  readonly latencyTcp: Latency;
  readonly monoNs: number;
  readonly receiverCpuNs: number;
}

export const defaultClientPort = 6000;
/** Joins under way at once. */
const joinsAtOnce = 32;

/**
 * The load generator: viewers with addresses of their own on one host, RTSP here, media in the native receiver. Viewers
 * added by `addDropped` are whole RTSP sessions too, but their media has to be dropped on the host (`dropMedia`); by TCP,
 * `addDiscarding` adds such that cost their host little.
 */
export class Load implements Closeable {
  readonly receiver: Receiver;
  readonly #options: LoadOptions;
  readonly #viewers = new Map<number, LoadViewer>();
  /** When each viewer joined, also those that have left. */
  readonly #times = new Map<number, JoinTimes>();
  #nextNumber = 0;
  #receiving = 0;
  #dropped = 0;
  #keepAlive: NodeJS.Timeout | undefined;
  readonly #failures: unknown[] = [];

  private constructor(receiver: Receiver, options: LoadOptions) {
    this.receiver = receiver;
    this.#options = options;
  }

  static async start(station: Viewer, options: LoadOptions): Promise<Load> {
    const receiver = await Receiver.start(station.host);
    receiver.takeWhole(options.takesWhole !== false);
    return new Load(receiver, options);
  }

  /** Of those that have joined and not left. */
  get numbers(): readonly number[] {
    return [...this.#viewers.keys()];
  }

  /** Joins `count` viewers that receive; gives their numbers. */
  add(count: number, transport = this.#options.transport): Promise<readonly number[]> {
    const first = this.#receiving;
    this.#receiving += count;
    return this.#join(count, (index) => ({
      address: receivingAddress(first + index, this.#options.server.address),
      transport,
      receives: true,
    }));
  }

  /** Joins `count` viewers by TCP that read what comes, and throw it away. A report has only the sum of it. */
  async addDiscarding(count: number): Promise<readonly number[]> {
    const numbers = await this.add(count, 'tcp');
    for (const number of numbers) this.#viewer(number).discard();
    return numbers;
  }

  /** Joins `count` viewers by UDP whose media is dropped on the way. */
  addDropped(count: number): Promise<readonly number[]> {
    const first = this.#dropped;
    this.#dropped += count;
    return this.#join(count, (index) => ({
      address: droppedAddress(first + index, this.#options.server.address),
      transport: 'udp',
      receives: false,
    }));
  }

  /** TEARDOWN of these viewers. */
  async leave(numbers: readonly number[]): Promise<void> {
    await inTurns(numbers, async (number) => {
      await this.#viewer(number).leave();
      this.#viewers.delete(number);
    });
  }

  /** Closes a viewer's sockets without a word. */
  abandon(number: number): void {
    this.#viewer(number).abandon();
    this.#viewers.delete(number);
  }

  /** Counts anew; `firstPacketNs` and `firstFrameNs` are gone with it. */
  reset(): void {
    this.receiver.reset();
  }

  /** What all viewers got, those that have left too. Rejects when a keep-alive has failed meanwhile. */
  async report(): Promise<LoadReport> {
    const [failure] = this.#failures;
    if (failure) throw failure;
    const { tracks, latency, latencyUdp, latencyTcp, discardedBytes, monoNs, cpuNs } =
      await this.receiver.report();
    const byViewer = Map.groupBy(tracks, ({ viewer }) => viewer);
    const viewers = [...byViewer].map(([viewer, own]) => {
      const playSent = this.#times.get(viewer)?.playSentMonoNs;
      const since = (times: readonly number[]) => {
        const arrived = times.filter((time) => time > 0);
        return playSent === undefined || arrived.length === 0 ? undefined : Math.min(...arrived) - playSent;
      };
      return {
        viewer,
        tracks: own,
        firstPacketNs: since(own.map(({ firstMonoNs }) => firstMonoNs)),
        firstFrameNs: since(own.slice(0, 1).map(({ firstFrameMonoNs }) => firstFrameMonoNs)),
        firstStartFrameNs: since(own.slice(0, 1).map((track) => track.firstStartFrameMonoNs)),
        firstFrameReadNs: since(own.slice(0, 1).map(({ firstFrameReadMonoNs }) => firstFrameReadMonoNs)),
      };
    });
    const sum = (key: keyof LoadReport['totals']) => tracks.reduce((total, track) => total + track[key], 0);
    const totals = {
      ...{ packets: sum('packets'), bytes: sum('bytes'), lost: sum('lost'), duplicates: sum('duplicates') },
      ...{ reordered: sum('reordered'), malformed: sum('malformed'), foreign: sum('foreign') },
      ...{ ssrcChanges: sum('ssrcChanges'), byes: sum('byes'), timeBackwards: sum('timeBackwards') },
    };
    return {
      ...{ viewers, totals, latency, latencyUdp, latencyTcp },
      ...{ discardedBytes, monoNs, receiverCpuNs: cpuNs },
    };
  }

  /** All viewers leave, then the receiver ends. */
  async close(): Promise<void> {
    clearInterval(this.#keepAlive);
    try {
      await this.leave([...this.#viewers.keys()]);
    } finally {
      await this.receiver.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #join(
    count: number,
    place: (index: number) => { address: string; transport: 'udp' | 'tcp'; receives: boolean },
  ): Promise<readonly number[]> {
    const { url, server, clientPort = defaultClientPort, receiveBufferBytes = 0 } = this.#options;
    // A viewer's number tells the receiver whose counters are meant: never used twice.
    const base = this.#nextNumber;
    this.#nextNumber += count;
    const numbers = Array.from({ length: count }, (_, index) => base + index);
    await inTurns(numbers, async (number) => {
      const viewer = new LoadViewer(this.receiver, {
        number,
        url,
        server,
        clientPort,
        receiveBufferBytes,
        ...place(number - base),
      });
      this.#viewers.set(number, viewer);
      this.#times.set(number, await viewer.join());
      if (this.#options.keepAlive === false) return;
      this.#keepAlive ??= setInterval(() => this.#keepAllAlive(), viewer.timeoutSeconds * 400);
    });
    return numbers;
  }

  #keepAllAlive(): void {
    void inTurns([...this.#viewers.values()], (viewer) => viewer.keepAlive()).catch((error) => {
      this.#failures.push(error);
    });
  }

  #viewer(number: number): LoadViewer {
    const viewer = this.#viewers.get(number);
    if (!viewer) throw new WeirError('USAGE', 'no such viewer in the load', { fields: { viewer: number } });
    return viewer;
  }
}

/** Does `work` for every item, some at once; rejects with the first failure after all that began have ended. */
async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const worker = async () => {
    for (const item of left) await work(item);
  };
  const ended = await Promise.allSettled(Array.from({ length: joinsAtOnce }, worker));
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
}
