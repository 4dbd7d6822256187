import { strict as assert } from 'node:assert';
import { closeSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { partitionOffset } from '../../../image/disk/layout.ts';
import { run } from '../../../image/program.ts';
import { hashBlocks, parseTrailer, slotBlockBytes } from '../../../image/slot/trailer.ts';
import type { CutCount } from '../../power/volatile-disk.ts';
import { WriteLog } from '../../power/write-log.ts';
import { randomOf } from '../../random.ts';
import { grubBoots, type Slot } from '../../unit/image/slot-box.ts';
import type { FlashedDisk } from '../gateway.ts';
import { PowerCuts } from '../power/recorded-disk.ts';
import { examineLedger } from './ledger.ts';
import { chooseCuts, requireDue, shownBy, sumOf, textOf } from './moments.ts';
import type { Recording, Story } from './recording.ts';
import { slotPartitionOf } from './slots-on-disk.ts';
import type { Result } from './take.ts';

export interface SurveyOptions {
  readonly surveys: number;
  readonly seed: number;
  readonly folder: string;
  readonly say: (text: string) => void;
}

/** Disks that flush nothing must be seen to lose something at one of so many cuts, else nothing would be seen at all. */
const controls = 8;

/**
 * Cuts the power of what was recorded, and looks at each disk that is left with the programs that a start would use: the boot loader takes
 * the version that was due, every block of it is what was built; the file system of the data partition is put right as the
 * initrd does; all that was shown of the ledger is there.
 */
export async function surveyCuts(recording: Recording, options: SurveyOptions): Promise<readonly Result[]> {
  const { surveys, seed, say } = options;
  await requireControl(recording, options);
  using power = new PowerCuts(recording.before, recording.variables, new WriteLog(recording.log));
  const looks: Look[] = [];
  for (const [index, cut] of chooseCuts(power, recording.story, surveys, randomOf(seed)).entries()) {
    const { disk, count } = await power.cut(cut.position, randomOf(seed + index + 1));
    const name = `disk ${index + 1} of ${surveys}, ${cut.moment}, at ${cut.position}, ${textOf(count)}`;
    try {
      const { slot, entries, repaired } = await lookAt(disk, recording.story, {
        loggedBytes: power.loggedBytesAt(cut.position),
        folder: options.folder,
      });
      looks.push({ count, repaired });
      say(`${name}: ${slot} is started, ${entries} entries of the ledger proven`);
    } catch (error) {
      say(`${name}: FAILED; the disk as it is now: ${disk.file}`);
      throw error;
    }
    disk[Symbol.dispose]();
  }
  return [
    [
      `disks that power cuts left, seed ${seed}, looked at`,
      `${surveys}; version due and ledger proven at all, ${looks.filter(({ repaired }) => repaired).length} needed e2fsck -y`,
    ],
    ['writes at these cuts', sumOf(looks.map(({ count }) => count))],
  ];
}

interface Look {
  readonly count: CutCount;
  /** The file system needed more than what `e2fsck -p` puts right. */
  readonly repaired: boolean;
}

/** A disk that has kept nothing for sure since the update began. */
async function requireControl(
  { before, variables, log, story }: Recording,
  { seed, folder, say }: SurveyOptions,
): Promise<void> {
  using power = new PowerCuts(before, variables, new WriteLog(log));
  const positions = power.positions({ from: story.activated, to: story.end });
  const random = randomOf(seed);
  let seen = 0;
  for (let control = 1; control <= controls; control += 1) {
    const position = positions[Math.floor(random() * positions.length)] as number;
    const { disk } = await power.cut(position, random, { liesFrom: story.installing });
    await lookAt(disk, story, { loggedBytes: power.loggedBytesAt(position), folder }).catch(() => {
      seen += 1;
    });
    disk[Symbol.dispose]();
  }
  assert.ok(seen > 0, 'a disk that flushes nothing was not seen to lose anything');
  say(`a disk that flushes nothing was seen to lose something at ${seen} of ${controls} cuts`);
}

async function lookAt(
  disk: FlashedDisk,
  story: Story,
  { loggedBytes, folder }: { readonly loggedBytes: number; readonly folder: string },
): Promise<{ readonly slot: Slot; readonly entries: number; readonly repaired: boolean }> {
  const slot = slotStarted(disk);
  requireDue(slot, story, loggedBytes);
  await verifySlot(disk, slot);
  const promised = { deviceId: story.deviceId, entries: shownBy(story, loggedBytes) };
  const { entries, repaired } = await examineLedger(disk, join(folder, 'data'), promised);
  return { slot, repaired, entries };
}

/** By the boot loader's own program. */
function slotStarted(disk: FlashedDisk): Slot {
  const [boots] = grubBoots([slotPartitionOf(disk)], { times: 1 });
  return boots?.[0]?.slot ?? assert.fail('the boot loader finds nothing to start');
}

/** dm-verity's check of a whole slot: squashfs (its length is at 40 of the superblock), hash tree, trailer. */
async function verifySlot({ file }: { readonly file: string }, slot: Slot): Promise<void> {
  const at = partitionOffset(`rootfs-${slot}`);
  const blocks = Math.ceil(Number(readAt(file, at, 96).readBigUInt64LE(40)) / slotBlockBytes);
  const trailerAt = (blocks + hashBlocks(blocks)) * slotBlockBytes;
  const { rootHash, salt } = parseTrailer(readAt(file, at + trailerAt, slotBlockBytes));
  const copy = `${file}.slot`;
  const part = ['bs=1M', 'iflag=skip_bytes,count_bytes', `skip=${at}`, `count=${trailerAt}`, 'status=none'];
  try {
    await run('dd', [`if=${file}`, `of=${copy}`, ...part]);
    await run('veritysetup', [
      'verify',
      ...['--no-superblock', '--hash', 'sha256', '--salt', salt, `--data-blocks=${blocks}`],
      ...[`--data-block-size=${slotBlockBytes}`, `--hash-block-size=${slotBlockBytes}`],
      ...[`--hash-offset=${blocks * slotBlockBytes}`, copy, copy, rootHash],
    ]);
  } finally {
    rmSync(copy, { force: true });
  }
}

function readAt(file: string, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, bytes, 0, length, at);
  } finally {
    closeSync(descriptor);
  }
  return bytes;
}
