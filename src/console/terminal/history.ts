/** The lines that were entered, and where in them somebody who looks for one is. */
export class History {
  readonly #lines: string[] = [];
  readonly #most: number;
  #at = 0;
  #unfinished = '';

  constructor(most: number) {
    this.#most = most;
  }

  lines(): readonly string[] {
    return this.#lines;
  }

  /** Remembers `line`, once when it is entered again and again. */
  add(line: string): void {
    if (line.trim() !== '' && line !== this.#lines.at(-1)) this.#lines.push(line);
    if (this.#lines.length > this.#most) this.#lines.shift();
    this.#at = this.#lines.length;
  }

  /** The line before the one that is looked at; `now` is kept for the way back. */
  older(now: string): string | undefined {
    if (this.#at === 0) return undefined;
    if (this.#at === this.#lines.length) this.#unfinished = now;
    this.#at -= 1;
    return this.#lines[this.#at];
  }

  newer(): string | undefined {
    if (this.#at >= this.#lines.length) return undefined;
    this.#at += 1;
    return this.#at === this.#lines.length ? this.#unfinished : this.#lines[this.#at];
  }

  /** A new line begins. */
  leave(): void {
    this.#at = this.#lines.length;
    this.#unfinished = '';
  }
}
