import { type Clock, isWeirError } from '#base';
import type { Datapath, Endpoint, InterleavedConnection, MessageLimits, TcpConnection } from '#hal';
import { endStream } from '../../end-stream.ts';
import { type MessageListener, MessageStream } from '../message-stream.ts';
import { Base64Stream, type InterleavedFrame, MessageReader, tunnelOpened } from '../wire/index.ts';
import type { ViewerLink } from './viewer-link.ts';

/** How long one connection of a tunnel may outlive another that it follows, or that followed it. */
const overlapMs = 1000;

/** A POST whose body is being read. */
interface Post {
  readonly connection: TcpConnection;
  readonly over: Promise<void>;
}

/**
 * RTSP through HTTP: what goes to the viewer leaves on the connection of its GET, as it is; what the viewer says comes in
 * the bodies of POSTs, one after the other, in base64. Only the GET's connection is ever handed to the engine.
 */
export class TunnelLink implements ViewerLink {
  readonly viewer: Endpoint;
  readonly origin: Endpoint;
  readonly #clock: Clock;
  readonly #get: MessageStream;
  readonly #reader: MessageReader;
  #listener: MessageListener | undefined;
  #interleaved: InterleavedConnection | undefined;
  #post: Post | undefined;
  #postWaits = false;
  #paused = false;
  #hungUp = false;
  #closing: Promise<void> | undefined;

  constructor(options: { datapath: Datapath; clock: Clock; limits: MessageLimits; get: TcpConnection }) {
    const { datapath, limits, get } = options;
    this.#clock = options.clock;
    this.#get = new MessageStream({ datapath, limits, connection: get });
    this.#reader = new MessageReader(limits);
    this.viewer = get.remote;
    this.origin = get.local;
  }

  listen(listener: MessageListener): void {
    this.#listener = listener;
    this.#get.listen({
      // A message here is none of the tunnel's: requests come in POSTs.
      message: () => {},
      frame: () => listener.frame(),
      badMessage: (error) => listener.badMessage(error),
      inputEnd: () => this.#onHangUp(),
      gone: () => this.#onHangUp(),
    });
    this.#get.send(tunnelOpened);
  }

  /**
   * Reads the body of a POST to its end. It ends with its connection, whatever its Content-Length says: players promise
   * 32767 bytes and say less or more. False: another one waits for its turn already.
   */
  async carry(connection: TcpConnection, unread: Uint8Array): Promise<boolean> {
    if (this.#postWaits) return false;
    const before = this.#post;
    if (before) {
      // The end of the POST that this one follows may be seen later than its beginning.
      this.#postWaits = true;
      using _cut = this.#clock.after(overlapMs, () => before.connection.stream.destroy());
      await before.over;
      this.#postWaits = false;
    }
    if (!this.#closing) {
      const post = { connection, over: this.#read(connection, unread) };
      this.#post = post;
      await post.over;
      this.#post = undefined;
    }
    await endStream(connection.stream);
    return true;
  }

  #read({ stream }: TcpConnection, unread: Uint8Array): Promise<void> {
    const listener = this.#listener;
    if (!listener) return Promise.resolve();
    const base64 = new Base64Stream();
    return new Promise((resolve) => {
      const onData = (chunk: Uint8Array) => this.#hear(listener, () => base64.push(chunk));
      const over = () => {
        stream.off('data', onData).off('end', over).off('close', over);
        resolve();
      };
      stream.on('data', onData).on('end', over).on('close', over);
      if (!this.#paused) stream.resume();
      onData(unread);
      if (stream.readableEnded || stream.destroyed) over();
    });
  }

  /** Gives everything that `decode` completes to the listener. */
  #hear(listener: MessageListener, decode: () => Uint8Array): void {
    if (this.#closing) return;
    try {
      this.#reader.push(decode());
      for (let item = this.#reader.next(); item !== undefined; item = this.#reader.next()) {
        if (item.kind === 'frame') this.#takeFrame(listener, item);
        else listener.message(item);
      }
    } catch (error) {
      if (!isWeirError(error, 'RTSP_BAD_MESSAGE')) throw error;
      listener.badMessage(error);
    }
  }

  /** The viewer's RTCP belongs to the connection that its media goes out by. */
  #takeFrame(listener: MessageListener, { channel, payload }: InterleavedFrame): void {
    this.#interleaved?.takeFrame(channel, payload);
    listener.frame();
  }

  pause(): void {
    this.#paused = true;
    this.#post?.connection.stream.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#post?.connection.stream.resume();
  }

  send(bytes: Uint8Array): void {
    this.#get.send(bytes);
  }

  drained(): Promise<void> {
    return this.#get.drained();
  }

  async adopt(): Promise<InterleavedConnection> {
    this.#interleaved = await this.#get.adopt();
    return this.#interleaved;
  }

  /** A viewer hangs all of its connections up at once, in any order: what it said before, on the other, is heard. */
  #onHangUp(): void {
    if (this.#hungUp) return;
    this.#hungUp = true;
    const end = () => {
      patience[Symbol.dispose]();
      this.#listener?.inputEnd();
    };
    const patience = this.#clock.after(overlapMs, end);
    if (this.#post) void this.#post.over.then(end);
    else end();
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutdown();
    return this.#closing;
  }

  async #shutdown(): Promise<void> {
    await this.#get.close();
    this.#post?.connection.stream.destroy();
  }
}
