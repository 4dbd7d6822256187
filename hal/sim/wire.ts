import { Duplex } from 'node:stream';
import type { Endpoint } from '../datapath/face.ts';

/** Gets what the other end of a wire sends; at most one at a time. */
export interface WireReader {
  data(bytes: Uint8Array): void;
  fin(): void;
  reset(): void;
}

type WireEvent = { readonly kind: 'data'; readonly bytes: Uint8Array } | { readonly kind: 'fin' | 'reset' };

/** One end of a TCP connection in memory. What arrives while nobody reads waits. */
export class WireEnd {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #inbox: WireEvent[] = [];
  #peer: WireEnd | undefined;
  #reader: WireReader | undefined;
  #finSent = false;
  #finSeen = false;

  private constructor(local: Endpoint, remote: Endpoint) {
    this.local = local;
    this.remote = remote;
  }

  /** Two ends, each other's peer. */
  static pair(a: Endpoint, b: Endpoint): [WireEnd, WireEnd] {
    const ends: [WireEnd, WireEnd] = [new WireEnd(a, b), new WireEnd(b, a)];
    ends[0].#peer = ends[1];
    ends[1].#peer = ends[0];
    return ends;
  }

  /**
   * From now on `reader` gets what arrives, first what waits; undefined: nobody does. A FIN that an earlier reader saw is
   * told again, as a socket's end of file is.
   */
  attach(reader: WireReader | undefined): void {
    this.#reader = reader;
    if (!reader) return;
    queueMicrotask(() => {
      if (this.#finSeen && this.#reader === reader) reader.fin();
      this.#drain();
    });
  }

  write(bytes: Uint8Array): void {
    if (!this.#finSent && bytes.length > 0) this.#tell({ kind: 'data', bytes: Uint8Array.from(bytes) });
  }

  fin(): void {
    if (this.#finSent) return;
    this.#finSent = true;
    this.#tell({ kind: 'fin' });
  }

  reset(): void {
    this.#finSent = true;
    this.#tell({ kind: 'reset' });
    this.#peer = undefined;
  }

  /** Sends FIN; what still arrives is thrown away. */
  close(): void {
    this.fin();
    this.attach({ data: () => {}, fin: () => {}, reset: () => {} });
  }

  #tell(event: WireEvent): void {
    const peer = this.#peer;
    if (!peer) return;
    peer.#inbox.push(event);
    queueMicrotask(() => peer.#drain());
  }

  #drain(): void {
    while (this.#reader) {
      const event = this.#inbox.shift();
      if (event === undefined) return;
      if (event.kind === 'data') this.#reader.data(event.bytes);
      else if (event.kind === 'fin') {
        this.#finSeen = true;
        this.#reader.fin();
      } else this.#reader.reset();
    }
  }
}

/** A wire's end as a stream, like a socket: half-open until both directions ended. */
export class WireStream extends Duplex {
  readonly #end: WireEnd;
  #released = false;

  constructor(end: WireEnd) {
    super({ allowHalfOpen: true });
    this.#end = end;
    end.attach({
      data: (bytes) => this.push(bytes),
      fin: () => this.push(null),
      reset: () => this.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })),
    });
  }

  /** Lets go of the wire, which lives on; returns what had arrived and nobody read. The stream is destroyed. */
  release(): Uint8Array {
    this.#released = true;
    this.#end.attach(undefined);
    this.removeAllListeners();
    const unread: unknown = this.read();
    this.destroy();
    return unread instanceof Uint8Array ? unread : new Uint8Array();
  }

  /** Ends the connection as a crashed host does: the other end sees ECONNRESET. */
  resetAndDestroy(): void {
    this.#end.reset();
    this.destroy();
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#end.write(chunk);
    done();
  }

  override _final(done: () => void): void {
    this.#end.fin();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#released) this.#end.close();
    done(error);
  }
}
