import { type Closeable, Signal, WeirError } from '#base';
import type { Host, HostProcess } from '../../../src/demo/world/index.ts';
import { buildProgram } from './native-program.ts';

/** One track of one viewer, since it began or since the last reset. Bytes are RTP header and payload. */
export interface TrackReport {
  readonly viewer: number;
  readonly track: number;
  readonly packets: number;
  readonly bytes: number;
  /** Gaps in the sequence numbers. */
  readonly lost: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly malformed: number;
  /** Came from another address or port than the server told. */
  readonly foreign: number;
  readonly ssrcChanges: number;
  /** Packets in order whose RTP time is before that of the packet before them. */
  readonly timeBackwards: number;
  readonly rtcpPackets: number;
  readonly byes: number;
  readonly unknownFrames: number;
  /** 0: nothing came. */
  readonly firstMonoNs: number;
  /** Of the first packet with a marker bit: the first frame was whole. 0: none came. */
  readonly firstFrameMonoNs: number;
  /** Of the last packet of the first picture that an H.264 decoder can start at. 0: none came. */
  readonly firstStartFrameMonoNs: number;
  /** When the receiver had that packet in its hands. */
  readonly firstFrameReadMonoNs: number;
  readonly firstSeq: number;
  readonly firstRtpTime: number;
  /** Longest time without a packet. */
  readonly longestGapNs: number;
  /** From the source's send time to the kernel's receive time; 0 where packets carry none. */
  readonly latencyP50Ns: number;
  readonly latencyP99Ns: number;
}

export interface Latency {
  readonly count: number;
  readonly minNs: number;
  readonly p50Ns: number;
  readonly p99Ns: number;
  readonly p999Ns: number;
  readonly maxNs: number;
}

export interface ReceiverReport {
  readonly tracks: readonly TrackReport[];
  /** Over all packets of all viewers. */
  readonly latency: Latency;
  /** Of all viewers whose bytes are thrown away (`discard`), since the last reset. */
  readonly discardedBytes: number;
  /** Of those that came by UDP, until the kernel had them, and in '$' frames, until the receiver had them. */
  readonly latencyUdp: Latency;
  readonly latencyTcp: Latency;
  readonly monoNs: number;
  /** The receiver's own, since its start: it must not be what is measured. */
  readonly cpuNs: number;
}

interface Waiting {
  readonly wanted: RegExp;
  readonly resolve: (match: RegExpExecArray) => void;
  readonly reject: (error: unknown) => void;
}

const answerMs = 20_000;

/** The native receiver on a host: sockets of many viewers in one thread. See native/receiver.c. */
export class Receiver implements Closeable {
  /** RTSP text that came to a viewer. */
  readonly message: Signal<{ readonly viewer: number; readonly text: Buffer }>;
  /** A viewer's connection is over; errno 0: ended by the other side. */
  readonly closed: Signal<{ readonly viewer: number; readonly errno: number }>;
  readonly #waiting = new Set<Waiting>();
  #process: HostProcess | undefined;

  private constructor() {
    const rethrow = (error: unknown) => {
      throw error;
    };
    this.message = new Signal(rethrow);
    this.closed = new Signal(rethrow);
  }

  static async start(host: Host): Promise<Receiver> {
    const receiver = new Receiver();
    const program = await buildProgram('receiver');
    const child = await host.spawn(program, [], { onLine: (line) => receiver.#line(line) });
    receiver.#process = child;
    void child.exited.then(() => {
      const error = new WeirError('COMMAND_FAILED', `the receiver on ${host.name} ended`, {
        fields: { output: child.stderr.slice(-500) },
      });
      for (const { reject } of receiver.#waiting) reject(error);
    });
    return receiver;
  }

  /** Binds a track's ports, RTP and the next one. */
  async bind(viewer: number, track: number, address: string, rtpPort: number): Promise<void> {
    await this.#ask(
      `udp ${viewer} ${track} ${address} ${rtpPort}`,
      new RegExp(`^bound ${viewer} ${track}$`),
      viewer,
    );
  }

  /** Where the track's packets must come from. Sends the hole punch there. */
  expect(viewer: number, track: number, address: string, ports: readonly [number, number]): void {
    this.#write(`source ${viewer} ${track} ${address} ${ports[0]} ${ports[1]}`);
  }

  /** The track comes in '$' frames on these channels. */
  expectChannels(viewer: number, track: number, channels: readonly [number, number]): void {
    this.#write(`channels ${viewer} ${track} ${channels[0]} ${channels[1]}`);
  }

  /** `receiveBufferBytes`: 0 leaves it to the kernel. */
  async connect(
    viewer: number,
    from: string,
    to: string,
    port: number,
    receiveBufferBytes = 0,
  ): Promise<void> {
    const [, word, detail] = await this.#ask(
      `connect ${viewer} ${from} ${to} ${port} ${receiveBufferBytes}`,
      new RegExp(`^(connected|closed) ${viewer} (\\d+)$`),
      viewer,
    );
    if (word === 'connected') return;
    throw new WeirError('ORIGIN_UNREACHABLE', `viewer ${viewer} cannot connect`, {
      fields: { from, to, port, errno: Number(detail) },
    });
  }

  /** Sends RTSP text; resolves with the time when it was handed to the kernel. */
  async send(viewer: number, text: Uint8Array): Promise<number> {
    const hex = Buffer.from(text).toString('hex');
    const [, sent] = await this.#ask(`send ${viewer} ${hex}`, new RegExp(`^sent ${viewer} (\\d+)$`), viewer);
    return Number(sent);
  }

  /** Stops reading the viewer's connection, or goes on. */
  setReading(viewer: number, on: boolean): void {
    this.#write(`reading ${viewer} ${on ? 1 : 0}`);
  }

  /** From now on what comes by the viewer's connection is counted only: no copy, no media, no RTSP. */
  discard(viewer: number): void {
    this.#write(`discard ${viewer}`);
  }

  /** From now on it reads no more than so many bytes of the viewer's connection in a second. */
  setReadingRate(viewer: number, bytesPerSecond: number): void {
    this.#write(`rate ${viewer} ${Math.round(bytesPerSecond)}`);
  }

  /**
   * Looks for packets only every so many milliseconds. Whoever sends on the same machine then wakes nobody, as if viewers
   * were other machines; the kernel's receive times of packets by UDP stay what they are. 0: looks at once.
   */
  nap(ms: number): void {
    this.#write(`nap ${ms}`);
  }

  /**
   * Ports that are bound from now on take packets that came in one piece as one, as is the case at first; or each by itself:
   * where the NIC has a queue of its own Linux also makes one piece of single packets for the former, and gives all of it one time.
   */
  takeWhole(on: boolean): void {
    this.#write(`whole ${on ? 1 : 0}`);
  }

  /** Closes all sockets of a viewer; what it counted stays. */
  closeViewer(viewer: number): void {
    this.#write(`close ${viewer}`);
  }

  /** Counts anew; the sequences go on. */
  reset(): void {
    this.#write('reset');
  }

  async report(): Promise<ReceiverReport> {
    const [, json = ''] = await this.#ask('report', /^report (.*)$/, undefined);
    return JSON.parse(json) as ReceiverReport;
  }

  async close(): Promise<void> {
    this.#process?.stdin.end();
    await this.#process?.exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #write(line: string): void {
    this.#process?.stdin.write(`${line}\n`);
  }

  #ask(line: string, answer: RegExp, viewer: number | undefined): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const failure = viewer === undefined ? '' : `|^error ${viewer} (?<failure>.*)$`;
      const waiting: Waiting = {
        wanted: new RegExp(answer.source + failure),
        resolve: (match) => {
          forget();
          const text = match.groups?.failure;
          if (text === undefined) resolve(match);
          else reject(new WeirError('SOCKET_FAILED', `the receiver refused: ${text}`));
        },
        reject: (error) => {
          forget();
          reject(error);
        },
      };
      const timer = setTimeout(
        () => waiting.reject(new WeirError('TIMED_OUT', `the receiver did not answer: ${line.slice(0, 60)}`)),
        answerMs,
      );
      const forget = () => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
      };
      this.#waiting.add(waiting);
      this.#write(line);
    });
  }

  #line(line: string): void {
    const [word, number, detail = ''] = line.split(' ', 3);
    if (word === 'message') {
      this.message.emit({ viewer: Number(number), text: Buffer.from(detail, 'hex') });
      return;
    }
    for (const waiting of this.#waiting) {
      const match = waiting.wanted.exec(line);
      if (!match) continue;
      waiting.resolve(match);
      return;
    }
    if (word === 'closed') this.closed.emit({ viewer: Number(number), errno: Number(detail) });
  }
}
