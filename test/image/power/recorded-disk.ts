import { closeSync, openSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type CutCount, type Medium, VolatileDisk } from '../../power/volatile-disk.ts';
import { WriteLog } from '../../power/write-log.ts';
import { randomOf } from '../../random.ts';
import type { FlashedDisk, GatewayDisk } from '../gateway.ts';

/**
 * A disk with a volatile write cache: QEMU's `blklogwrites` logs each write and each flush of the gateway that runs on it. The
 * disk that it began with stays as it was; from it and the log a power cut at any moment is made afterwards.
 */
export class RecordedDisk implements GatewayDisk, Disposable {
  readonly #before: FlashedDisk;
  readonly #used: FlashedDisk;
  readonly log: string;

  private constructor(before: FlashedDisk, used: FlashedDisk) {
    this.#before = before;
    this.#used = used;
    this.log = join(used.folder, 'writes.log');
    writeFileSync(this.log, '');
  }

  /** `before` must stay as long as this is used. */
  static async on(before: FlashedDisk): Promise<RecordedDisk> {
    return new RecordedDisk(before, await before.copy());
  }

  get file(): string {
    return this.#used.file;
  }

  get variables(): string {
    return this.#used.variables;
  }

  /** The host need not really flush: what counts is what the log says. */
  get drive(): readonly string[] {
    const file = (name: string, path: string) =>
      `driver=file,node-name=${name},filename=${path},cache.no-flush=on`;
    return [
      ...['-blockdev', file('used', this.#used.file), '-blockdev', file('log', this.log)],
      ...['-blockdev', 'driver=blklogwrites,node-name=disk,file=used,log=log,log-sector-size=512'],
      ...['-device', 'virtio-blk-pci,drive=disk,write-cache=on,discard=off,write-zeroes=off'],
    ];
  }

  /**
   * How much is in the log by now. Whatever the gateway has told anybody before this was asked, had been written before
   * here: a cut at a position that ends here or later must leave it.
   */
  get loggedBytes(): number {
    return statSync(this.log).size;
  }

  /** With all that was written, flushed or not. */
  get used(): FlashedDisk {
    return this.#used;
  }

  /** To be asked for when the gateway's power is off. */
  cuts(): PowerCuts {
    return new PowerCuts(this.#before, this.#used.variables, new WriteLog(this.log));
  }

  [Symbol.dispose](): void {
    this.#used[Symbol.dispose]();
  }
}

/** Between two bytes of the log: `from` has been written, `to` has not been reached. */
export interface LogWindow {
  readonly from: number;
  readonly to: number;
}

/** A part of the disk, in bytes: `from` is in it, `to` behind it. */
export interface DiskPart {
  readonly from: number;
  readonly to: number;
}

const everywhere = { from: 0, to: Number.POSITIVE_INFINITY };

/** The power cuts that are possible in what was recorded. */
export class PowerCuts implements Disposable {
  readonly #before: Pick<FlashedDisk, 'copy'>;
  readonly #variables: string;
  readonly #log: WriteLog;

  constructor(before: Pick<FlashedDisk, 'copy'>, variables: string, log: WriteLog) {
    this.#before = before;
    this.#variables = variables;
    this.#log = log;
  }

  /** Moments at which at least so much in `part` is written and not flushed, each after so many entries of the log. */
  positions(
    { from, to }: LogWindow = everywhere,
    part: DiskPart = everywhere,
    leastLoose = 1,
  ): readonly number[] {
    let loose = 0;
    return this.#log.entries.flatMap(({ flush, offset, length, end }, index) => {
      if (flush) loose = 0;
      if (length > 0 && offset < part.to && offset + length > part.from) loose++;
      return loose >= leastLoose && end > from && end <= to ? [index + 1] : [];
    });
  }

  /** The length of the log at a position: what was told when `loggedBytes` was no more must have survived a cut there. */
  loggedBytesAt(position: number): number {
    return this.#log.entries[position - 1]?.end ?? 0;
  }

  /** Whether anything was written to this part of the disk. */
  touched({ from, to }: DiskPart): boolean {
    return this.#log.entries.some(
      ({ offset, length }) => length > 0 && offset < to && offset + length > from,
    );
  }

  /**
   * The disk that a power cut at `position`, where something is loose, leaves: all that was flushed, and any part of what was written
   * since, but not all of it. The firmware's variables are not part of it, they are as the gateway left them.
   *
   * `liesFrom`: from this length of the log on the disk does not do what it is told to flush.
   */
  async cut(
    position: number,
    random: () => number,
    { liesFrom = Number.POSITIVE_INFINITY }: { liesFrom?: number } = {},
  ): Promise<{ disk: FlashedDisk; count: CutCount }> {
    const entries = this.#log.entries.map((entry) =>
      entry.end > liesFrom ? { ...entry, flush: false, fua: false } : entry,
    );
    const disk = await this.#before.copy(this.#variables);
    using medium = new FileMedium(disk.file);
    const volatile = new VolatileDisk({ entries, data: (entry) => this.#log.data(entry) }, medium);
    volatile.advance(position);
    for (;;) {
      const seed = Math.floor(random() * 2 ** 32);
      const { kept, loose } = volatile.cut(nowhere(medium.length), randomOf(seed));
      if (kept < loose) return { disk, count: volatile.cut(medium, randomOf(seed)) };
    }
  }

  [Symbol.dispose](): void {
    this.#log[Symbol.dispose]();
  }
}

const nowhere = (length: number): Medium => ({ length, write: () => {} });

class FileMedium implements Medium, Disposable {
  readonly length: number;
  readonly #file: number;

  constructor(path: string) {
    this.length = statSync(path).size;
    this.#file = openSync(path, 'r+');
  }

  write(bytes: Buffer, at: number): void {
    const written = writeSync(this.#file, bytes, 0, bytes.length, at);
    if (written !== bytes.length) throw new Error(`a write of ${bytes.length} bytes was cut at ${written}`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}
