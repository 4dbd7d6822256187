import type { Duplex } from 'node:stream';

/** Somebody at the far end of a console: types, and waits for what is to be seen. */
export class Operator {
  readonly #line: Duplex;
  readonly #patienceMs: number;
  #seen = '';
  #from = 0;
  #news: (() => void) | undefined;

  constructor(line: Duplex, patienceMs = 10_000) {
    this.#line = line;
    this.#patienceMs = patienceMs;
    const decoder = new TextDecoder();
    line.on('data', (bytes: Uint8Array | string) => {
      this.#seen += typeof bytes === 'string' ? bytes : decoder.decode(bytes, { stream: true });
      this.#news?.();
    });
    line.on('error', () => {});
  }

  /** Resolves when the line has taken it, for whoever types more than it takes at once. */
  type(text: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.#line.write(text, () => resolve());
    });
  }

  /** All that was seen so far. */
  get transcript(): string {
    return this.#seen;
  }

  /** Waits until `pattern` is to be seen behind what was looked at last; what there is up to its end. */
  async sees(pattern: RegExp, patienceMs = this.#patienceMs): Promise<string> {
    const until = Date.now() + patienceMs;
    for (;;) {
      const news = this.#seen.slice(this.#from);
      const found = pattern.exec(news);
      if (found !== null) {
        const end = found.index + found[0].length;
        this.#from += end;
        return news.slice(0, end);
      }
      const leftMs = until - Date.now();
      if (leftMs <= 0) throw new Error(`did not see ${pattern}, but ${JSON.stringify(news.slice(-2000))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#news = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Types a line; what is shown between it and the next prompt, which may have two lines; lines ended by "\n". */
  async command(line: string, patienceMs = this.#patienceMs): Promise<string> {
    void this.type(`${line}\r`);
    // The line comes back as it is typed, perhaps wrapped; what is behind its end is the answer.
    const seen = await this.sees(
      /\r\n(?:[\s\S]*\r\n)?(?:\[edit[^\]\n]*\]\r\n)?[\w.-]+@[\w.-]+[>#] $/,
      patienceMs,
    );
    const answer = seen.slice(seen.indexOf('\r\n') + 2, seen.lastIndexOf('\r\n') + 2);
    return answer.replaceAll('\r\n', '\n').replace(/\[edit[^\]\n]*\]\n$/, '');
  }

  /** Logs in where a console asks who is there. */
  async logIn(name: string, password: string): Promise<void> {
    await this.sees(/login: $/);
    void this.type(`${name}\r`);
    await this.sees(/Password: $/);
    void this.type(`${password}\r`);
    await this.sees(/@[\w.-]+> $/);
  }
}
