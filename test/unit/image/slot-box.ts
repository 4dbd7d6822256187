import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { slotCopies, slotPartition } from '../../../image/boot/slot-partition.ts';

const image = join(import.meta.dirname, '..', '..', '..', 'image');
export const slotStateProgram = join(image, 'rauc', 'slot-state');

export type Slot = 'a' | 'b';
export type Condition = 'good' | 'new' | 'bad';

/** What the slot state says, as both the program and GRUB understand it. */
export interface SlotState {
  readonly primary: Slot;
  readonly a: { readonly condition: Condition; readonly tries: number };
  readonly b: { readonly condition: Condition; readonly tries: number };
}

const flashed = slotPartition(slotStateProgram);

/** The partition `slots` of a box, the program that writes it, and the GRUB that reads it and counts down. */
export class SlotBox implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'weir-slot-box-'));
  readonly #partition = join(this.folder, 'slots');

  constructor() {
    this.write(flashed);
  }

  read(): Buffer {
    return readFileSync(this.#partition);
  }

  write(bytes: Uint8Array): void {
    writeFileSync(this.#partition, bytes);
  }

  /** Runs the program in the system that was booted from `running`. */
  run(words: readonly string[], running: Slot | '' = ''): { status: number; text: string } {
    const cmdline = join(this.folder, 'cmdline');
    writeFileSync(cmdline, `quiet${running && ` weir.slot=${running}`} panic=5\n`);
    const { status, stdout, stderr } = spawnSync('dash', [slotStateProgram, ...words], {
      encoding: 'utf8',
      env: {
        ...process.env,
        WEIR_SLOTS: this.#partition,
        WEIR_CMDLINE: cmdline,
        WEIR_SLOTS_LOCK: join(this.folder, 'lock'),
      },
    });
    return { status: status ?? -1, text: (stdout + stderr).trim() };
  }

  state(): SlotState {
    return parseState(this.run(['show']).text);
  }

  /** Writes a state as the program would, and GRUB after it. */
  put({ primary, a, b }: SlotState): void {
    this.write(partitionWith(this.read(), { primary, a, b }));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

function parseState(text: string): SlotState {
  const match = /^primary=([ab]) a=(\w+):(\d) b=(\w+):(\d) sequence=\d+$/.exec(text);
  if (!match) throw new Error(`not a state: ${text}`);
  const [, primary, a, aTries, b, bTries] = match;
  return {
    primary: primary as Slot,
    a: { condition: a as Condition, tries: Number(aTries) },
    b: { condition: b as Condition, tries: Number(bTries) },
  };
}

/** Both copies of `partition` changed to say `state`; the checksum is made by cksum(1), as the program does. */
export function partitionWith(partition: Uint8Array, state: SlotState): Buffer {
  const bytes = Buffer.from(partition);
  const facts = `7 ${state.primary} ${state.a.condition} ${state.b.condition}`;
  const [crc] = spawnSync('cksum', { input: facts, encoding: 'utf8' }).stdout.split(' ');
  const lines = [
    '# GRUB Environment Block',
    'weir_sequence=7',
    `weir_primary=${state.primary}`,
    `weir_a=${state.a.condition}`,
    `weir_b=${state.b.condition}`,
    `weir_crc=${crc}`,
    `weir_a_tries=${state.a.tries}`,
    `weir_b_tries=${state.b.tries}`,
    'weir_end=7',
    '',
  ].join('\n');
  for (const { offset } of slotCopies) bytes.write(lines.padEnd(1024, '#'), offset, 'latin1');
  return bytes;
}

export interface GrubBoot {
  readonly slot: Slot;
  /** After GRUB has taken one. */
  readonly tries: { readonly a: number; readonly b: number };
}

/**
 * Lets the real GRUB (grub-emu) boot from each of `partitions` `times` times, with nothing getting healthy in between. A slot in
 * `unloadable` has no kernel. What GRUB wrote is in the partitions afterwards; its note is on a disk of its own and begins empty.
 */
export function grubBoots(
  partitions: readonly Buffer[],
  { times, unloadable = '', noted = true }: { times: number; unloadable?: Slot | ''; noted?: boolean },
): readonly (readonly GrubBoot[])[] {
  const folder = mkdtempSync(join(tmpdir(), 'weir-grub-'));
  try {
    mkdirSync(join(folder, 'grub'));
    copyFileSync(join(image, 'boot', 'slots.cfg'), join(folder, 'grub', 'slots.cfg'));
    const disks = partitions.map((bytes, index) => {
      const disk = join(folder, `disk${index}`);
      writeFileSync(disk, bytes);
      return disk;
    });
    // Any environment block will do; without "noted" there is none that GRUB could write.
    const note = join(folder, 'note');
    writeFileSync(note, noted ? flashed : Buffer.alloc(flashed.length));
    disks.push(note);
    writeFileSync(join(folder, 'map'), disks.map((disk, index) => `(hd${index}) ${disk}\n`).join(''));
    const boots = 'weir_boots '.repeat(times).trim().split(' ').join('\n');
    writeFileSync(
      join(folder, 'grub', 'grub.cfg'),
      [
        'function weir_boot {',
        `  if [ "$weir_slot" != "${unloadable}" -a "$weir_booted" = no ]; then`,
        '    echo "BOOT $weir_disk $weir_slot $weir_a_tries $weir_b_tries ."',
        '    set weir_booted=yes',
        '    set weir_note="(nowhere)"',
        '    set weir_slots="(nowhere)"', // A kernel runs now: what GRUB would do further does not happen.
        '  fi',
        '}',
        'function weir_boots {',
        '  set weir_booted=no',
        '  set weir_slots="($weir_disk)"',
        `  set weir_note="(hd${partitions.length})/${slotCopies[0].name}"`,
        '  weir_start',
        '}',
        'source "$prefix/slots.cfg"',
        ...partitions.flatMap((_, index) => [`set weir_disk=hd${index}`, boots]),
        'reboot',
        '',
      ].join('\n'),
    );
    const { stdout } = spawnSync(
      'grub-emu',
      ['--device-map', join(folder, 'map'), '--directory', join(folder, 'grub')],
      { input: '', encoding: 'latin1', timeout: 25_000, maxBuffer: 64 * 1024 * 1024, cwd: folder },
    );
    const found: GrubBoot[][] = partitions.map(() => []);
    for (const [, disk, slot, a, b] of stdout.matchAll(/BOOT hd(\d+) ([ab]) (\d) (\d) \./g)) {
      found[Number(disk)]?.push({ slot: slot as Slot, tries: { a: Number(a), b: Number(b) } });
    }
    partitions.forEach((bytes, index) => {
      bytes.set(readFileSync(disks[index] as string));
    });
    return found;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
