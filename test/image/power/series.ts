import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { type Alarm, describeError, systemClock, WeirError } from '#base';
import { partitionOffset } from '../../../image/disk/layout.ts';
import type { UpdateStatus } from '../../../src/operations/update-status.ts';
import { Operator } from '../../operator.ts';
import type { CutCount } from '../../power/volatile-disk.ts';
import {
  doubled,
  type LedgerRecord,
  type Note,
  neverTold,
  summary,
  unknownOrChanged,
} from '../../storm/books.ts';
import { type FlashedDisk, Gateway } from '../gateway.ts';
import { answersWithinMs, startsWithinMs, typed } from '../technician.ts';
import { until } from '../update/rig.ts';
import { isHealthy } from '../update/slots-on-disk.ts';
import { type Examination, examineDisk } from './examination.ts';
import { type Lab, setUpForLab } from './lab.ts';
import { type LogWindow, type PowerCuts, RecordedDisk } from './recorded-disk.ts';
import { accountOf, billOf, type SeenSession, unbilled } from './seen-session.ts';
import { type Promised, Witnesses } from './witnesses.ts';

/** When the power goes: while it relays, or while it starts, which includes that it mends what the cut before has left. */
export type When = 'relaying' | 'starting';

/** What one power cut did, and what came after it. */
export interface Cut {
  readonly when: When;
  readonly count: CutCount;
  /** Records that had been acknowledged by then. */
  readonly acknowledged: number;
  /** Viewers who were watching. */
  readonly cutOff: number;
  /** The file system needed more than its journal. */
  readonly repaired: boolean;
  /** From power to its console, when it was started again. */
  readonly backMs: number;
  /** Of the media of those who were cut off, what is not billed, at most. */
  readonly worstGapMs: number;
  /** The slot that was booted after it. */
  readonly slot: string;
}

export interface SeriesOptions {
  readonly cuts: number;
  readonly viewers: number;
  /** So many more cuts of each start are only looked at: what they leave is examined here, and not started. */
  readonly looks: number;
  readonly folder: string;
  readonly random: () => number;
  readonly onCut: (cut: Cut) => void;
  readonly onLook: (count: CutCount) => void;
  readonly say: (text: string) => void;
}

const checkpointMs = 5000;
/** One checkpoint may be missing, the last one that was due; up to the next one nothing was. */
const gapMs = 2 * checkpointMs;
/** One cut in so many comes while the gateway starts. */
const startingEach = 5;
/** How long it relays before its power goes. */
const relaying = { leastMs: 4000, mostMs: 16_000 } as const;
/** The cut is somewhere in the last time before that. */
const lastMs = 3000;
/** Every second cut is where so much is loose that there is something to put in the wrong order. */
const many = 4;
/** A disk that lies has flushed nothing for so long. */
const liesForMs = 4000;
const lyingCuts = 6;
const wholeLog = { from: 0, to: Number.POSITIVE_INFINITY } as const;
const wholeDisk = wholeLog;
/** Others are of the lab: there is no clock that is right, for one. */
const ofTheDisk = /^(storage|config|billing|update|upload)\b/;

/** Cuts at a disk that lies: how many, and at how many of them a loss was seen. */
export interface Control {
  readonly cuts: number;
  readonly seen: number;
}

/** Cuts the power of one gateway again and again. Rejects at the first thing that is not as it must be. */
export class Series implements AsyncDisposable {
  readonly #lab: Lab;
  readonly #options: SeriesOptions;
  readonly #witnesses: Witnesses;
  readonly #keyFile: string;
  /** As the last cut left it. */
  #disk: FlashedDisk;
  #gateway: Gateway | undefined;
  #control: Control | undefined;

  constructor(lab: Lab, disk: FlashedDisk, options: SeriesOptions) {
    this.#lab = lab;
    this.#disk = disk;
    this.#options = options;
    this.#witnesses = new Witnesses(lab);
    this.#keyFile = join(options.folder, 'device.pem');
  }

  get control(): Control | undefined {
    return this.#control;
  }

  async run(): Promise<void> {
    const { cuts, random } = this.#options;
    let before: CutDisk | undefined;
    for (let number = 0; number < cuts; number++) {
      // Before the first cut there has to be a load.
      const when: When = number > 0 && random() < 1 / startingEach ? 'starting' : 'relaying';
      before = await this.#start(before, (start) => this.#cut(start, when));
    }
    await this.#start(before, (start) => this.#end(start));
  }

  /** One start: the first one is the set-up, of the others each shows what the cut before has left. */
  async #start<T>(before: CutDisk | undefined, goOn: (start: Start) => Promise<T>): Promise<T> {
    using recorded = await RecordedDisk.on(this.#disk);
    const began = Date.now();
    this.#gateway = await Gateway.start(this.#lab.world.box, recorded);
    this.#witnesses.begin(recorded);
    const { stream } = this.#gateway.serial;
    const examination = before && this.#examine(this.#disk, before.promised);
    // Awaited below; until then a failure is not without a listener.
    examination?.catch(() => {});
    await new Operator(stream, startsWithinMs).sees(/press Enter to begin|login: $/);
    const backMs = Date.now() - began;
    if (!before || !examination) {
      await setUpForLab(this.#gateway, this.#lab.world);
      const setUpBytes = recorded.loggedBytes;
      this.#lab.viewers.come(this.#options.viewers);
      return await goOn({ recorded, fromBytes: setUpBytes });
    }
    this.#lab.viewers.come(this.#options.viewers);
    const { repaired } = await examination;
    const checked = await this.#check(new Operator(stream, answersWithinMs), before.promised);
    // Else three cuts that come too soon are three starts that were not healthy, and the other slot's turn.
    await until('it gets healthy', () => isHealthy(recorded), startsWithinMs);
    this.#options.onCut({ ...before.facts, backMs, repaired, ...checked });
    return await goOn({ recorded, fromBytes: 0 });
  }

  /** What was promised is on the disk that a cut left, before anything puts it right. */
  async #examine(disk: FlashedDisk, { taken, told, sessions }: Promised): Promise<Examination> {
    const examination = await examineDisk(disk, this.#options.folder, this.#keyFile);
    const { ledger, bills, slots } = examination;
    must([
      ...doubled(ledger),
      ...unbilled(sessions, bills),
      ...accountOf(sessions, bills, { gapMs }).wrong,
      ...unknownOrChanged('the collector', taken, ledger),
      ...unknownOrChanged('the origin', told, ledger),
      ...(['a', 'b'] as const).flatMap((slot) =>
        slots[slot].condition === 'good' ? [] : [`slot ${slot} is ${slots[slot].condition} on the disk`],
      ),
    ]);
    return examination;
  }

  /** The gateway closes the sessions that the cut has left open, and delivers their records. */
  async #check(operator: Operator, { taken, sessions }: Promised): Promise<Pick<Cut, 'worstGapMs' | 'slot'>> {
    await this.#recorded(sessions);
    const records = recordsIn(this.#witnesses.all.taken);
    const known = new Set(taken.map(({ record }) => record.recordId));
    const fresh = records.filter(({ record }) => !known.has(record.recordId));
    const { worstGapMs } = accountOf(sessions, fresh.map(billOf), { gapMs });
    const { wrong } = accountOf(sessions, records.map(billOf), { gapMs });
    must([...doubled(records), ...wrong, ...this.#passedBy()]);
    void operator.type('\r');
    await operator.logIn('admin', typed.password);
    const { standing } = await ask<{ standing: readonly Alarm[] }>(operator, 'show alarms');
    const { slots } = await ask<UpdateStatus>(operator, 'show update');
    must([
      ...standing.flatMap(({ name, text }) => (ofTheDisk.test(name) ? [`alarm ${name}: ${text}`] : [])),
      ...slots.flatMap(({ slot, condition }) =>
        condition === 'good' ? [] : [`slot ${slot} is ${condition}, says the console`],
      ),
    ]);
    return { worstGapMs, slot: slots.find(({ running }) => running)?.slot ?? '' };
  }

  /** Each of them has a record, and the collector gets it. */
  async #recorded(sessions: readonly SeenSession[]): Promise<void> {
    const missing = () => unbilled(sessions, recordsIn(this.#witnesses.all.taken).map(billOf));
    await this.#witnesses
      .until('a record for each viewer', () => missing().length === 0, answersWithinMs)
      .catch((error) => {
        must(missing());
        throw error;
      });
  }

  /** Whoever reached the origin himself got media that nobody metered. */
  #passedBy(): readonly string[] {
    return this.#lab.origin
      .askedBy((address) => address.startsWith('198.19.'))
      .map((peer) => `${peer} reached the origin past the gateway`);
  }

  async #powerOff(): Promise<void> {
    await this.#gateway?.cutPower();
    this.#gateway = undefined;
    this.#witnesses.end();
    await this.#lab.viewers.giveUp();
  }

  async #cut(start: Start, when: When): Promise<CutDisk> {
    const { random, folder } = this.#options;
    if (when === 'relaying') await this.#relays();
    await this.#powerOff();
    using cuts = start.recorded.cuts();
    must(slotsTouched(cuts));
    const last = this.#lastWindow(cuts, start);
    if (this.#control === undefined) {
      // What is not lost tells the key that is to prove all that comes.
      await examineDisk(start.recorded.used, folder, this.#keyFile);
      this.#control = await this.#lie(cuts, last);
    }
    const anywhere = { ...wholeLog, from: start.fromBytes };
    await this.#look(cuts, [anywhere, last]);
    const position = choose(cuts, when === 'starting' ? anywhere : last, random);
    const { disk, count } = await cuts.cut(position, random);
    this.#disk[Symbol.dispose]();
    this.#disk = disk;
    const promised = this.#witnesses.promisedAt(cuts.loggedBytesAt(position));
    this.#witnesses.forgetAllBut(promised);
    const cutOff = promised.sessions.filter(({ over }) => !over).length;
    return { promised, facts: { when, count, cutOff, acknowledged: recordsIn(promised.taken).length } };
  }

  /** More cuts of the same start, by turns in these parts of its log. */
  async #look(cuts: PowerCuts, windows: readonly LogWindow[]): Promise<void> {
    const { looks, random, onLook } = this.#options;
    for (let number = 0; number < looks; number++) {
      const position = choose(cuts, windows[number % windows.length] ?? wholeLog, random);
      const { disk, count } = await cuts.cut(position, random);
      using _ = disk;
      const promised = this.#witnesses.promisedAt(cuts.loggedBytesAt(position));
      await this.#examine(disk, promised).catch((cause) => {
        const kept = this.keepDisk(disk);
        throw new Error(`a cut that was only looked at, ${kept}: ${describeError(cause)}`, { cause });
      });
      onLook(count);
    }
  }

  /** The last time before the power went; more of it when the gateway had nothing to write in it. */
  #lastWindow(cuts: PowerCuts, { fromBytes }: Start): LogWindow {
    for (let ms = lastMs; ; ms *= 2) {
      const from = Math.max(fromBytes, this.#witnesses.loggedBytesBefore(ms));
      const window = { ...wholeLog, from };
      if (from === fromBytes || cuts.positions(window).length > 0) return window;
    }
  }

  async #relays(): Promise<void> {
    const { random } = this.#options;
    const { leastMs, mostMs } = relaying;
    const { taken } = this.#lab.collector;
    await this.#witnesses.until(
      'viewers come and go',
      () => this.#lab.collector.taken > taken,
      answersWithinMs,
    );
    await systemClock.sleep(leastMs + random() * (mostMs - leastMs));
  }

  /** A disk that does not do what it is told to flush must lose what was acknowledged, else nobody would see a loss here. */
  async #lie(cuts: PowerCuts, window: LogWindow): Promise<Control> {
    const { random, say } = this.#options;
    const liesFrom = this.#witnesses.loggedBytesBefore(liesForMs);
    let seen = 0;
    for (let number = 0; number < lyingCuts; number++) {
      const position = choose(cuts, window, random);
      const { disk } = await cuts.cut(position, random, { liesFrom });
      using _ = disk;
      try {
        await this.#examine(disk, this.#witnesses.promisedAt(cuts.loggedBytesAt(position)));
      } catch (error) {
        say(`a disk that lies: ${describeError(error).split('\n')[0]}`);
        seen++;
      }
    }
    if (seen === 0)
      throw new WeirError('COMMAND_FAILED', 'a disk that lies lost nothing: this rig does not see a loss');
    return { cuts: lyingCuts, seen };
  }

  /** Everybody leaves, and everything that is in the ledger has got to the collector. */
  async #end({ recorded }: Start): Promise<undefined> {
    await this.#lab.viewers.leave(answersWithinMs);
    await this.#recorded(this.#witnesses.all.sessions);
    await this.#gateway?.cutPower();
    this.#gateway = undefined;
    this.#witnesses.end();
    const all = this.#witnesses.all;
    const { ledger } = await this.#examine(recorded.used, all);
    must(neverTold('the collector', all.taken, ledger));
  }

  /** A disk, that of the last cut unless given, for whoever wants to see what is wrong with it. */
  keepDisk({ file } = this.#disk): string {
    const kept = join(this.#options.folder, 'disk.img');
    renameSync(file, kept);
    return kept;
  }

  async close(): Promise<void> {
    this.#witnesses.end();
    await this.#gateway?.cutPower();
    this.#disk[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

interface Start {
  readonly recorded: RecordedDisk;
  /** Before, the log has what a cut is not to be in. */
  readonly fromBytes: number;
}

/** What is known of a cut before the gateway is started again, and what the start tells. */
interface CutDisk {
  readonly promised: Promised;
  readonly facts: Pick<Cut, 'when' | 'count' | 'cutOff' | 'acknowledged'>;
}

/** Every second time where much is loose. */
function choose(cuts: PowerCuts, window: LogWindow, random: () => number): number {
  const worst = random() < 0.5 ? cuts.positions(window, wholeDisk, many) : [];
  const positions = worst.length > 0 ? worst : cuts.positions(window);
  const position = positions[Math.floor(random() * positions.length)];
  if (position === undefined) throw new Error('nothing was written without a flush behind it');
  return position;
}

function slotsTouched(cuts: PowerCuts): readonly string[] {
  const slots = { from: partitionOffset('rootfs-a'), to: partitionOffset('data') };
  return cuts.touched(slots) ? ['the gateway has written to the root slots'] : [];
}

/** Each once, however often it was sent. */
function recordsIn(notes: readonly Note[]): readonly LedgerRecord[] {
  const byId = new Map(
    notes.map(({ record, chain: { sequence, hash } }) => [record.recordId, { record, sequence, hash }]),
  );
  return [...byId.values()];
}

async function ask<T>(operator: Operator, what: string): Promise<T> {
  return JSON.parse(await operator.command(`${what} | json | no-more`)) as T;
}

function must(violations: readonly string[]): void {
  if (violations.length > 0) throw new Error(summary(violations));
}
