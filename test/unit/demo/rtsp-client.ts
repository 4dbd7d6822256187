import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { RtspItems, type RtspMessage } from '../../lab/rtsp-items.ts';

/** Speaks RTSP as a test dictates, and keeps what comes. */
export class RtspClient implements AsyncDisposable {
  readonly frames: { readonly channel: number; readonly data: Buffer }[] = [];
  readonly #socket: Socket;
  readonly #items = new RtspItems();
  readonly #answers: RtspMessage[] = [];
  #changed = Promise.withResolvers<void>();
  #sequence = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      for (const item of this.#items.push({ atMs: 0, bytes })) {
        if (item.kind === 'frame') this.frames.push(item);
        else this.#answers.push(item);
      }
      this.#wake();
    });
    socket.on('close', () => this.#wake());
  }

  static async to(port: number, host = '127.0.0.1'): Promise<RtspClient> {
    const socket = connect({ port, host });
    await once(socket, 'connect');
    return new RtspClient(socket);
  }

  get closed(): boolean {
    return this.#socket.closed;
  }

  /** Sends the request and waits for its answer. */
  ask(
    method: string,
    uri: string,
    headers: Readonly<Record<string, string>> = {},
    body = '',
  ): Promise<{ status: number; headers: ReadonlyMap<string, string>; body: string }> {
    this.#sequence += 1;
    const lines = Object.entries({ CSeq: String(this.#sequence), ...headers }).map(
      ([name, value]) => `${name}: ${value}`,
    );
    if (body) lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
    this.write(`${method} ${uri} RTSP/1.0\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
    return this.answer();
  }

  write(bytes: string | Buffer): void {
    this.#socket.write(bytes);
  }

  /** The next answer that was not asked for yet. */
  async answer(): Promise<{ status: number; headers: ReadonlyMap<string, string>; body: string }> {
    await this.until(() => this.#answers.length > 0);
    const message = this.#answers.shift();
    if (!message) throw new Error('the connection ended without an answer');
    return {
      status: Number(message.startLine.split(' ')[1]),
      headers: message.headers,
      body: message.body.toString(),
    };
  }

  /** Resolves when `condition` holds after something came, or when the connection is over. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#socket.closed) {
      this.#changed = Promise.withResolvers();
      await this.#changed.promise;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.closed) return;
    this.#socket.destroy();
    await once(this.#socket, 'close');
  }

  #wake(): void {
    this.#changed.resolve();
  }
}
