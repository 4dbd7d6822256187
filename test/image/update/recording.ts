import { strict as assert } from 'node:assert';
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ScriptedOrigin } from '../../lab/origin-scripted.ts';
import { FlashedDisk, type GatewayOptions } from '../gateway.ts';
import { RecordedDisk } from '../power/recorded-disk.ts';
import { Audience, originOptions } from './audience.ts';
import { preparedDisk, UpdateRig, until } from './rig.ts';
import { nextVersion, provideVersion } from './versions.ts';

/** An entry of the ledger that the gateway has shown when the log of the disk was so long: it must never be gone again. */
export interface ShownEntry {
  readonly loggedBytes: number;
  readonly sequence: number;
  readonly hash: string;
}

/** What happened while the disk was recorded, by the length of its log. */
export interface Story {
  readonly deviceId: string;
  /** Before it the version before is what is started; it is told to install the next one. */
  readonly installing: number;
  /** The next version is told to be started. */
  readonly activating: number;
  /** It was said that it will be. */
  readonly activated: number;
  /** It is healthy. */
  readonly healthy: number;
  readonly end: number;
  readonly entries: readonly ShownEntry[];
}

/** An update that was recorded: the disk before it, and every write and flush since. In a folder of its own. */
export interface Recording {
  readonly before: FlashedDisk;
  /** UEFI's, at the end. */
  readonly variables: string;
  readonly log: string;
  readonly story: Story;
}

const names = { variables: 'variables-after.fd', log: 'writes.log', story: 'story.json' };

/** The recording in a folder, made before. */
export function recordingIn(folder: string): Recording | undefined {
  const story = join(folder, names.story);
  if (!existsSync(story)) return undefined;
  return {
    before: FlashedDisk.in(folder),
    variables: join(folder, names.variables),
    log: join(folder, names.log),
    story: JSON.parse(readFileSync(story, 'utf8')) as Story,
  };
}

/**
 * Records a gateway that is set up, whose records nobody takes: a start; viewers; the next version is installed while they
 * watch; it is activated, starts, gets healthy; viewers again.
 */
export async function recordUpdate(
  folder: string,
  options: {
    readonly work: string;
    readonly say: (text: string) => void;
    readonly machine: GatewayOptions;
  },
): Promise<void> {
  const { work, say, machine } = options;
  const before = await preparedDisk(folder, options);
  using recorded = await RecordedDisk.on(before);
  await using rig = await UpdateRig.start({ folder: work, say, machine, disk: recorded });
  const bundle = await provideVersion(rig.depot, nextVersion);
  await using _origin = await ScriptedOrigin.start(rig.world.origin.host, originOptions);
  say('recording');
  const { deviceId } = await rig.technician.asks<{ readonly deviceId: string }>('show storage');
  const entries: ShownEntry[] = [];
  let left = 0;
  const view = async (meanwhile = async () => {}) => {
    const audience = await Audience.come(rig.world);
    await meanwhile();
    await audience.leave();
    left += audience.last.length;
    entries.push(await shownEntry(rig, recorded, left));
  };
  await view();
  const installing = recorded.loggedBytes;
  await view(async () => {
    assert.match(await rig.install(bundle), /is installed/);
  });
  say('installed');
  const activating = recorded.loggedBytes;
  await rig.activate();
  const activated = recorded.loggedBytes;
  assert.equal((await rig.comesBack()).slot, 'b');
  const healthy = recorded.loggedBytes;
  say('the next version is healthy');
  await view();
  await rig.powerOff();
  const end = recorded.loggedBytes;
  renameOrCopy(recorded.log, join(folder, names.log));
  renameOrCopy(recorded.variables, join(folder, names.variables));
  const story: Story = { deviceId, installing, activating, activated, healthy, end, entries };
  writeFileSync(join(folder, names.story), JSON.stringify(story));
}

/** The last entry, as soon as each of so many viewers who have left has its record. */
async function shownEntry(
  { technician }: UpdateRig,
  recorded: RecordedDisk,
  viewers: number,
): Promise<ShownEntry> {
  let last = { lastSequence: 0, lastHash: '' };
  await until('a record of each viewer', async () => {
    last = await technician.asks<typeof last>('show storage');
    return last.lastSequence >= viewers;
  });
  return { loggedBytes: recorded.loggedBytes, sequence: last.lastSequence, hash: last.lastHash };
}

/** The folder may be on another disk. */
function renameOrCopy(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    copyFileSync(from, to);
  }
}
