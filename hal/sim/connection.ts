import { type Clock, isWeirError, Signal } from '#base';
import type {
  ConnectionCounters,
  ConnectionEnd,
  Endpoint,
  InterleavedConnection,
  MessageLimits,
} from '../datapath/face.ts';
import { encodeFrame, InterleavedParser } from './interleaved.ts';
import { raise } from './sim.ts';
import type { WireEnd } from './wire.ts';

/** An RTSP connection that the simulated datapath reads and writes. */
export class SimConnection implements InterleavedConnection {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly message = new Signal<Uint8Array>(raise);
  readonly ended = new Signal<{ end: ConnectionEnd; errno: number }>(raise);
  /** Who wants the frames of a channel. */
  readonly channels = new Map<number, (payload: Uint8Array) => void>();
  readonly #end: WireEnd;
  readonly #clock: Clock;
  readonly #parser: InterleavedParser;
  readonly #count = { rxBytes: 0n, txBytes: 0n, rxUnknownFrames: 0n, lastProgressMonoNs: 0n };
  #over = false;
  #closing: Promise<void> | undefined;

  constructor(end: WireEnd, options: { unread: Uint8Array; limits: MessageLimits; clock: Clock }) {
    this.#end = end;
    this.local = end.local;
    this.remote = end.remote;
    this.#clock = options.clock;
    this.#parser = new InterleavedParser(options.limits);
    end.attach({
      data: (bytes) => this.#receive(bytes),
      fin: () => this.#finish('fin', 0),
      reset: () => this.#finish('reset', 104),
    });
    // After the caller has had a chance to listen, as an event of an engine would come.
    queueMicrotask(() => queueMicrotask(() => this.#parse(options.unread)));
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  send(text: Uint8Array): void {
    if (!this.closed) this.#write(text);
  }

  sendFrame(channel: number, payload: Uint8Array): void {
    if (!this.#over && !this.closed) this.#write(encodeFrame(channel, payload));
  }

  counters(): ConnectionCounters {
    return { ...this.#count };
  }

  close(): Promise<void> {
    this.#closing ??= Promise.resolve().then(() => {
      this.#end.close();
      this.#finish('closed-by-us', 0);
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #write(bytes: Uint8Array): void {
    this.#count.txBytes += BigInt(bytes.length);
    this.#count.lastProgressMonoNs = this.#clock.monoNs();
    this.#end.write(bytes);
  }

  #receive(bytes: Uint8Array): void {
    this.#count.rxBytes += BigInt(bytes.length);
    this.#count.lastProgressMonoNs = this.#clock.monoNs();
    this.#parse(bytes);
  }

  #parse(bytes: Uint8Array): void {
    try {
      for (const unit of this.#parser.push(bytes)) {
        if (this.#over || this.closed) return;
        if (unit.kind === 'message') this.message.emit(unit.bytes);
        else this.takeFrame(unit.channel, unit.payload);
      }
    } catch (error) {
      if (!isWeirError(error, 'RTSP_BAD_MESSAGE')) throw error;
      this.#finish('bad-message', 0);
    }
  }

  takeFrame(channel: number, payload: Uint8Array): void {
    if (this.#over || this.closed) return;
    const receive = this.channels.get(channel);
    if (receive) receive(payload);
    else this.#count.rxUnknownFrames += 1n;
  }

  #finish(end: ConnectionEnd, errno: number): void {
    if (this.#over) return;
    this.#over = true;
    this.ended.emit({ end, errno });
  }
}
