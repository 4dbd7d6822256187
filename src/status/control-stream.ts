import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describeError, WeirError } from '#base';

/** A longer line is none of ours. */
export const maxLineBytes = 64 * 1024;

/** One JSON object a line, both ways, for as long as both want: what a control connection is after a command that asks for it. */
export class ControlStream {
  readonly #socket: Socket;
  readonly #gone = new AbortController();
  #text: string;
  #take: ((frame: Readonly<Record<string, unknown>>) => void) | undefined;

  /** `received`: what has been read of the socket already, and belongs to this. */
  constructor(socket: Socket, received = '') {
    this.#socket = socket;
    this.#text = received;
    const over = () =>
      this.#gone.abort(new WeirError('CONTROL_UNREACHABLE', 'the control connection is closed'));
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
  onFrame(take: (frame: Readonly<Record<string, unknown>>) => void): void {
    this.#take = take;
    this.#read('');
    this.#socket.resume();
  }

  #read(news: string): void {
    this.#text += news;
    const lines = this.#text.split('\n');
    this.#text = lines.pop() ?? '';
    if (this.#text.length > maxLineBytes) this.#socket.destroy();
    for (const line of lines) {
      try {
        const frame: unknown = JSON.parse(line);
        if (typeof frame !== 'object' || frame === null) throw new TypeError('no object');
        this.#take?.(frame as Readonly<Record<string, unknown>>);
      } catch (error) {
        // Whoever does not speak this is not listened to any longer.
        this.#socket.destroy(new Error(describeError(error)));
      }
    }
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
}
