import type { LogLevel } from '#base';

/** A line of the log, as it was written. */
export interface LogLine {
  readonly at: string;
  readonly level: LogLevel;
  readonly event: string;
  readonly [fact: string]: unknown;
}

const mostLines = 5000;
const mostBytes = 2 << 20;

/** The last lines of the log, in memory: the console shows them on a box that stores no log. */
export class LogRing {
  readonly #lines: string[] = [];
  #first = 0;
  #bytes = 0;

  /** Keeps a line as `createLog` writes it. */
  add(line: string): void {
    this.#lines.push(line);
    this.#bytes += line.length;
    while (this.length > mostLines || (this.#bytes > mostBytes && this.length > 1)) this.#forgetFirst();
  }

  get length(): number {
    return this.#lines.length - this.#first;
  }

  /** The last `count` lines, oldest first. */
  last(count: number): readonly LogLine[] {
    return this.text(count).map((line) => JSON.parse(line));
  }

  /** The same as they were written, each with its line feed. */
  text(count: number): readonly string[] {
    return this.#lines.slice(Math.max(this.#first, this.#lines.length - count));
  }

  #forgetFirst(): void {
    this.#bytes -= this.#lines[this.#first]?.length ?? 0;
    // Lets go of the text; the places are given back in one go, not line by line.
    this.#lines[this.#first] = '';
    this.#first += 1;
    if (this.#first < mostLines) return;
    this.#lines.splice(0, this.#first);
    this.#first = 0;
  }
}
