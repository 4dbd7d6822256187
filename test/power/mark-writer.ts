import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { disk, encodeMarks, type Mark, markBytes } from './marks.ts';

/** Writes marks to the disk itself, past the page cache: a mark is in the disk's log when `write` returns. */
export class MarkWriter implements Disposable {
  readonly #file: number;
  readonly #memory = Buffer.allocUnsafeSlow(markBytes + 4096);
  readonly #aligned: number;

  constructor(device: string) {
    this.#file = openSync(device, constants.O_WRONLY | constants.O_DIRECT);
    this.#aligned = this.#findAlignment();
  }

  write(...marks: readonly Mark[]): void {
    this.#writeFrom(this.#aligned, encodeMarks(marks));
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }

  /** O_DIRECT takes aligned memory only, and JavaScript does not say where its memory is. */
  #findAlignment(): number {
    for (let at = 0; at < 4096; at += 8) {
      try {
        this.#writeFrom(at, encodeMarks([]));
        return at;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
      }
    }
    throw new Error('no memory that the disk takes');
  }

  #writeFrom(at: number, bytes: Buffer): void {
    bytes.copy(this.#memory, at);
    const written = writeSync(this.#file, this.#memory, at, bytes.length, disk.marksAt);
    if (written !== bytes.length) throw new Error(`a mark of ${bytes.length} bytes was cut at ${written}`);
  }
}
