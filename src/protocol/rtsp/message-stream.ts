import type { Duplex } from 'node:stream';
import { type Closeable, describeError, isWeirError, WeirError } from '#base';
import type { Datapath, Endpoint, InterleavedConnection, MessageLimits, TcpConnection } from '#hal';
import { drained } from '../drained.ts';
import { endStream, flushMs } from '../end-stream.ts';
import { MessageReader, parseMessage, type RtspRequest, type RtspResponse } from './wire/index.ts';

/** What comes in, and how it ends. */
export interface MessageListener {
  message(message: RtspRequest | RtspResponse): void;
  /** A '$' frame that the engine does not see: a sign of life. */
  frame(): void;
  /** What came can be parted into messages no further (RTSP_BAD_MESSAGE); text still goes out. */
  badMessage(error: WeirError): void;
  /** FIN: what is sent still arrives. */
  inputEnd(): void;
  /** Nothing more comes or goes. */
  gone(text: string): void;
}

export interface MessageStreamOptions {
  readonly datapath: Datapath;
  readonly limits: MessageLimits;
  readonly connection: TcpConnection;
  /** What was read of it already. */
  readonly unread?: Uint8Array;
}

/**
 * RTSP text on one TCP connection. JavaScript reads and writes it until `adopt`; from then on the engine alone does, parts
 * '$' frames from text, and text goes through it. Whoever sends and closes need not know which of the two it is.
 */
export class MessageStream implements Closeable {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #options: MessageStreamOptions;
  readonly #stream: Duplex;
  readonly #reader: MessageReader;
  #listener: MessageListener | undefined;
  #adopting: Promise<InterleavedConnection> | undefined;
  #interleaved: InterleavedConnection | undefined;
  /** Sent while the connection was being handed over. */
  readonly #held: Uint8Array[] = [];
  #closing: Promise<void> | undefined;

  constructor(options: MessageStreamOptions) {
    this.#options = options;
    this.#stream = options.connection.stream;
    this.#reader = new MessageReader(options.limits);
    this.local = options.connection.local;
    this.remote = options.connection.remote;
  }

  /** Begins to read. Called once. */
  listen(listener: MessageListener): void {
    this.#listener = listener;
    this.#stream.on('error', this.#onError);
    this.#stream.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose);
    this.#stream.resume();
    if (this.#options.unread) this.#onData(this.#options.unread);
  }

  /** Stops reading, so that the peer is held back; the engine holds it back by itself. */
  pause(): void {
    if (!this.#adopting) this.#stream.pause();
  }

  resume(): void {
    if (!this.#adopting) this.#stream.resume();
  }

  /** What the peer has not taken yet. The engine ends a connection with too much of it by itself. */
  get backlogBytes(): number {
    return this.#adopting ? 0 : this.#stream.writableLength;
  }

  /** Resolves when there is room to send, or the connection is over. */
  async drained(): Promise<void> {
    if (!this.#adopting) await drained(this.#stream);
  }

  send(bytes: Uint8Array): void {
    if (this.#interleaved) this.#interleaved.send(bytes);
    else if (this.#adopting) this.#held.push(bytes);
    else if (this.#stream.writable) this.#stream.write(bytes);
  }

  /** Hands the connection to the engine; once, however often it is asked for. */
  adopt(): Promise<InterleavedConnection> {
    this.#adopting ??= this.#adopt();
    return this.#adopting;
  }

  async #adopt(): Promise<InterleavedConnection> {
    if (this.#closing) throw new WeirError('ALREADY_CLOSED', 'the connection is closed');
    const { datapath, limits, connection } = this.#options;
    this.#stream.pause();
    this.#stream.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    const unread = this.#reader.takeRest();
    let interleaved: InterleavedConnection;
    try {
      interleaved = await datapath.adopt(connection, { unread, limits });
    } catch (error) {
      this.#listener?.gone(describeError(error));
      throw error;
    }
    this.#interleaved = interleaved;
    for (const bytes of this.#held.splice(0)) interleaved.send(bytes);
    interleaved.message.on((bytes) =>
      this.#parsing(() => this.#listener?.message(parseMessage(bytes, limits))),
    );
    interleaved.ended.on(({ end }) => {
      if (end === 'fin') this.#onEnd();
      else if (end === 'bad-message') this.#listener?.badMessage(notFramed);
      else this.#listener?.gone(`the connection ended (${end})`);
    });
    return interleaved;
  }

  /** Sends what is queued, then FIN. */
  close(): Promise<void> {
    this.#closing ??= endMessages(this.#stream, this.#adopting);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.#parsing(() => {
      this.#reader.push(chunk);
      for (let item = this.#reader.next(); item !== undefined; item = this.#reader.next()) {
        if (this.#closing) return;
        if (item.kind === 'frame') this.#listener?.frame();
        else this.#listener?.message(item);
      }
    });
  };

  readonly #onEnd = (): void => this.#listener?.inputEnd();
  readonly #onClose = (): void => this.#listener?.gone('the connection was closed');
  readonly #onError = (error: Error): void => this.#listener?.gone(`the connection broke: ${error.message}`);

  #parsing(work: () => void): void {
    if (this.#closing) return;
    try {
      work();
    } catch (error) {
      if (!isWeirError(error, 'RTSP_BAD_MESSAGE')) throw error;
      this.#listener?.badMessage(error);
    }
  }
}

/**
 * Ends a connection that may be on its way to the engine: it is handed over when the peer has taken what was sent before,
 * which may be never, so it is cut after the time that any end may take.
 */
export async function endMessages(
  stream: Duplex,
  adopting: Promise<InterleavedConnection> | undefined,
): Promise<void> {
  if (adopting === undefined) return endStream(stream);
  const cut = setTimeout(() => stream.destroy(), flushMs);
  const interleaved = await adopting.catch(() => undefined);
  clearTimeout(cut);
  await (interleaved ? interleaved.close() : endStream(stream));
}

const notFramed = new WeirError('RTSP_BAD_MESSAGE', 'no RTSP message and no frame', {
  fields: { status: 400 },
});
