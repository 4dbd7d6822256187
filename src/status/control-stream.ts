import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describeError, WeirError } from '#base';

/** A longer line is none of ours. */
export const maxLineBytes = 64 * 1024;

/** One line, both ways. */
export type Frame = Readonly<Record<string, unknown>>;

/** One JSON object a line, both ways, for as long as both want: what a control connection is after a command that asks for it. */
export class ControlStream {
  readonly #socket: Socket;
  readonly #gone = new AbortController();
  #text: string;
  #take: ((frame: Frame) => void) | undefined;

  /** `received`: what has been read of the socket already, and belongs to this. */
  constructor(socket: Socket, received = '') {
    this.#socket = socket;
    this.#text = received;
    const over = () =>
      this.#gone.abort(new WeirError('CONTROL_UNREACHABLE', 'Weir has closed the connection, or has ended'));
    socket.setEncoding('utf8');
    socket.on('data', (text) => this.#read(String(text)));
    socket.on('end', over).on('close', over).on('error', over);
    socket.pause();
  }

  /** Aborted when the other end is gone. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Calls `take` with each object that comes, from now on. */
  onFrame(take: (frame: Frame) => void): void {
    this.#take = take;
    this.#read('');
    this.#socket.resume();
  }

  /** The next object; those behind it wait for whoever asks next. Rejects with CONTROL_UNREACHABLE when none comes any more. */
  nextFrame(): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const gone = () => reject(this.#gone.signal.reason);
      if (this.#gone.signal.aborted) gone();
      this.#gone.signal.addEventListener('abort', gone, { once: true });
      this.onFrame((frame) => {
        this.#take = undefined;
        this.#socket.pause();
        this.#gone.signal.removeEventListener('abort', gone);
        resolve(frame);
      });
    });
  }

  #read(news: string): void {
    this.#text += news;
    for (let end = this.#text.indexOf('\n'); end >= 0 && this.#take; end = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 1);
      try {
        const frame: unknown = JSON.parse(line);
        if (typeof frame !== 'object' || frame === null) throw new TypeError('no object');
        this.#take(frame as Frame);
      } catch (error) {
        // Whoever does not speak this is not listened to any longer.
        this.#socket.destroy(new Error(describeError(error)));
      }
    }
    if (this.#take !== undefined && this.#text.length > maxLineBytes) this.#socket.destroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Resolves when there is room for more, or nobody is there any more. */
  async send(frame: object): Promise<void> {
    if (this.#gone.signal.aborted || this.#socket.write(`${JSON.stringify(frame)}\n`)) return;
    await once(this.#socket, 'drain', { signal: this.#gone.signal }).catch(() => {});
  }

  /** After what was sent has gone out. */
  end(): void {
    this.#socket.end();
    this.#socket.resume();
  }

  /** At once, whatever was sent has gone out or not: for an other end that does not read any more. */
  destroy(): void {
    this.#socket.destroy();
  }
}
