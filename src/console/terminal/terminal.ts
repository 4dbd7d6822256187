import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { WeirError } from '#base';
import { type Key, KeyReader } from './keys.ts';

/** Of a terminal, in characters. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** What every terminal can show, for one that does not say. */
export const plainSize: Size = { columns: 80, rows: 24 };

/** Characters that wait to be read. Beyond them a sender has to wait; one that types while a command runs is not listened to. */
const maxWaiting = 1_048_576;
/** Characters that wait to be sent before nothing more is read. */
const maxUnsent = 262_144;
const bufferedOutput = 16_384;

/**
 * Somebody at the other end of a byte stream: keys come in, text goes out. Knows nothing of what the bytes travel over.
 */
export class Terminal {
  size: Size;
  readonly #stream: Duplex;
  readonly #reader = new KeyReader();
  readonly #gone = new AbortController();
  #waiting: Key[] = [];
  #waitingLength = 0;
  #wake: (() => void) | undefined;
  #interrupt: AbortController | undefined;
  #output = '';
  #between: ((text: string) => void) | undefined;
  #heard: () => void = () => {};
  #letGo: () => void = () => {};

  constructor(stream: Duplex, size: Size = plainSize) {
    this.#stream = stream;
    this.size = size;
    const hungUp = () => this.hangUp('the line is closed');
    const take = (bytes: Uint8Array) => this.#take(bytes);
    stream.on('data', take);
    stream.on('end', hungUp).on('close', hungUp).on('error', hungUp);
    this.#letGo = () => {
      stream.off('data', take).off('end', hungUp).off('close', hungUp).off('error', hungUp);
    };
    if (stream.destroyed || stream.readableEnded) hungUp();
  }

  /** Aborted, with a CONSOLE_CLOSED, when nobody is there any more. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Ends whatever waits for a key or for the line. The stream is left as it is, for whoever takes it next. */
  hangUp(why: string): void {
    if (this.#gone.signal.aborted) return;
    this.#send();
    this.#letGo();
    const reason = new WeirError('CONSOLE_CLOSED', `the session on the console is over: ${why}`);
    this.#gone.abort(reason);
    this.#interrupt?.abort(reason);
    this.#wake?.();
  }

  /** Calls `heard` at everything that comes in. */
  onInput(heard: () => void): void {
    this.#heard = heard;
  }

  #take(bytes: Uint8Array): void {
    this.#heard();
    for (const key of this.#reader.read(bytes)) {
      if (key.name === 'size') {
        this.size = { columns: key.columns, rows: key.rows };
        continue;
      }
      if (key.name === 'interrupt') {
        this.discardInput();
        if (this.#interrupt !== undefined) {
          this.#interrupt.abort();
          continue;
        }
      }
      if (this.#waitingLength >= maxWaiting) {
        if (this.#interrupt !== undefined) continue;
        this.#stream.pause();
      }
      this.#waiting.push(key);
      this.#waitingLength += lengthOf(key);
    }
    if (this.#waiting.length > 0) this.#wake?.();
  }

  /** Forgets what was typed ahead. */
  discardInput(): void {
    this.#waiting = [];
    this.#waitingLength = 0;
    this.#at = 0;
    this.#stream.resume();
  }

  /** Where in `#waiting` the next key is: taking from the front of a long array would take long each time. */
  #at = 0;

  /** The next key. Rejects with CONSOLE_CLOSED when nobody is there any more, and with the reason of `unless` when that is aborted. */
  async readKey(unless?: AbortSignal): Promise<Key> {
    const giveUp = () => this.#wake?.();
    unless?.addEventListener('abort', giveUp);
    try {
      return await this.#readKey(unless);
    } finally {
      unless?.removeEventListener('abort', giveUp);
    }
  }

  async #readKey(unless: AbortSignal | undefined): Promise<Key> {
    for (;;) {
      const key = this.#waiting[this.#at];
      if (key !== undefined) {
        this.#at += 1;
        this.#waitingLength -= lengthOf(key);
        if (this.#at === this.#waiting.length) this.discardInput();
        return key;
      }
      this.#send();
      if (this.#stream.writableLength > maxUnsent) await this.flush();
      this.#gone.signal.throwIfAborted();
      unless?.throwIfAborted();
      if (this.#waiting.length > 0) continue;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  /** Puts back what was read too much. */
  unread(text: string): void {
    if (text === '') return;
    this.#waiting = [{ name: 'text', text }, ...this.#waiting.slice(this.#at)];
    this.#at = 0;
    this.#waitingLength += text.length;
  }

  /** Shows text; every "\n" begins a line. It goes out when it is much, at `flush`, or when a key is waited for. */
  write(text: string): void {
    this.#output += text.replace(/\r?\n/g, '\r\n');
    if (this.#output.length >= bufferedOutput) this.#send();
  }

  /** Shows a line at once, for who looks on and types nothing. */
  announce(line: string): void {
    if (this.#between === undefined) this.write(`\n${line}\n`);
    else this.#between(`${line}\n`);
    this.#send();
  }

  /** Until it is disposed, what is announced is shown by `show`, which knows what stands where the cursor is. */
  between(show: (text: string) => void): Disposable {
    this.#between = show;
    return {
      [Symbol.dispose]: () => {
        this.#between = undefined;
      },
    };
  }

  /** Resolves when there is room for more. Rejects with CONSOLE_CLOSED. */
  async flush(): Promise<void> {
    this.#send();
    this.#gone.signal.throwIfAborted();
    if (!this.#stream.writableNeedDrain) return;
    await once(this.#stream, 'drain', { signal: this.#gone.signal }).catch(() => {});
    this.#gone.signal.throwIfAborted();
  }

  #send(): void {
    const output = this.#output;
    this.#output = '';
    if (output !== '' && !this.#gone.signal.aborted && this.#stream.writable) this.#stream.write(output);
  }

  /** Runs something that ^C ends; what is typed meanwhile waits. */
  async interruptible<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#send();
    const interrupt = new AbortController();
    if (this.#gone.signal.aborted) interrupt.abort(this.#gone.signal.reason);
    this.#interrupt = interrupt;
    try {
      return await run(interrupt.signal);
    } finally {
      this.#interrupt = undefined;
    }
  }

  /** Within `interruptible`: while `run` lasts, ^C is a key like others. */
  async uninterruptible<T>(run: () => Promise<T>): Promise<T> {
    const interrupt = this.#interrupt;
    this.#interrupt = undefined;
    try {
      return await run();
    } finally {
      this.#interrupt = interrupt;
    }
  }

  /** Asks the terminal how large it is (DECSC, CUP, DSR 6, DECRC). One that does not know stays silent. */
  askSize(): void {
    this.write('\x1b7\x1b[999;999H\x1b[6n\x1b8');
  }
}

const lengthOf = (key: Key): number => (key.name === 'text' ? key.text.length : 1);
