import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '#base';
import { randomOf } from '../random.ts';
import { examine } from './examination.ts';
import type { Finding } from './findings.ts';
import { decodeMarks, disk, type Mark } from './marks.ts';
import { Promises } from './promises.ts';
import { type CutCount, memoryMedium, VolatileDisk, type WriteSource } from './volatile-disk.ts';
import type { LogEntry } from './write-log.ts';

/** What one power cut did, and what was found wrong after it. */
export interface Cut {
  /** After so many entries of the log. */
  readonly position: number;
  readonly count: CutCount;
  /** Sessions and records that had been acknowledged by then. */
  readonly promised: number;
  readonly findings: readonly Finding[];
  /** The file system needed repair beyond the usual. */
  readonly repaired: boolean;
  /** Where the disk as the cut left it is kept; only when something was found. */
  readonly image?: string;
}

export interface CutsOptions {
  readonly cuts: number;
  readonly seed: number;
  /** Where the images go. */
  readonly folder: string;
  readonly mountPoint: string;
  readonly onCut: (cut: Cut) => void;
}

/** From here on there is something to put in the wrong order. */
const many = 4;

/** Cuts the power at random moments of a log, and examines what is left each time. `base`: the disk before the log. */
export async function cutPower(
  log: WriteSource,
  base: Buffer,
  options: CutsOptions,
): Promise<readonly Cut[]> {
  const positions = choosePositions(log, options.cuts, randomOf(options.seed));
  const medium = Buffer.from(base.subarray(0, disk.fileSystemBytes));
  const volatile = new VolatileDisk(
    { entries: log.entries.map(withoutMarks), data: (entry) => log.data(entry) },
    memoryMedium(medium),
  );
  const promises = new Promises();
  const done: Cut[] = [];
  let seen = 0;
  for (const [index, position] of positions.entries()) {
    for (; seen < position; seen++) for (const mark of marksIn(log, seen)) promises.take(mark);
    volatile.advance(position);
    const image = Buffer.from(medium);
    const count = volatile.cut(memoryMedium(image), randomOf(options.seed + index + 1));
    const path = join(options.folder, 'cut.img');
    writeFileSync(path, image);
    const { findings, repaired } = await examine(path, options.mountPoint, promises);
    const promised = promises.started.size + promises.recorded.size;
    const kept = findings.length > 0 && join(options.folder, `cut-${position}.img`);
    if (kept) writeFileSync(kept, image);
    const cut = { position, count, promised, findings, repaired, ...(kept && { image: kept }) };
    options.onCut(cut);
    done.push(cut);
    // Ctrl-C is heard between two cuts.
    await systemClock.sleep(0);
  }
  return done;
}

/**
 * Where the power is cut, in order: moments at which writes are loose. One half are any of them. Of the others, every
 * second one is while much is loose, and every second one while the store is being opened: these are few, and the worst.
 */
export function choosePositions(log: WriteSource, count: number, random: () => number): readonly number[] {
  const any: number[] = [];
  const worst: number[] = [];
  const opening: number[] = [];
  let loose = 0;
  let isOpen = false;
  for (const [index, entry] of log.entries.entries()) {
    if (entry.flush) loose = 0;
    if (entry.length > 0 && !isMark(entry)) loose++;
    for (const { kind } of marksIn(log, index)) {
      if (kind === 'opened' || kind === 'ended') isOpen = kind === 'opened';
    }
    if (loose > 0) any.push(index + 1);
    if (loose >= many) worst.push(index + 1);
    if (loose > 0 && !isOpen) opening.push(index + 1);
  }
  if (any.length === 0) throw new Error('nothing was written without a flush behind it');
  const turns = [any, worst, any, opening].map((positions) => (positions.length > 0 ? positions : any));
  const pick = (from: readonly number[]) => from[Math.floor(random() * from.length)] ?? 0;
  return Array.from({ length: count }, (_, index) => pick(turns[index % turns.length] ?? any)).sort(
    (a, b) => a - b,
  );
}

const isMark = (entry: LogEntry): boolean => entry.offset >= disk.marksAt;

/** A mark tells of the disk, and is not on it. */
const withoutMarks = (entry: LogEntry): LogEntry =>
  isMark(entry) ? { ...entry, length: 0, dataLength: 0 } : entry;

function marksIn(log: WriteSource, index: number): readonly Mark[] {
  const entry = log.entries[index];
  return entry !== undefined && entry.length > 0 && isMark(entry) ? decodeMarks(log.data(entry)) : [];
}
