import { isDeepStrictEqual } from 'node:util';
import { type Alarms, type Clock, describeError, type Log } from '#base';
import { checkConfig } from '../parse.ts';
import type { RawBranch } from '../raw-tree.ts';
import { renderCompare } from '../render.ts';
import type { Config } from '../tree.ts';
import type { ReadFile } from './active-file.ts';
import type { Commit, RevertedCommit, UnconfirmedCommit } from './commit.ts';
import type { CommitDisk } from './commit-disk.ts';
import type { CommitFolder } from './commit-folder.ts';

/** A commit, and what it means. */
export interface Committed {
  readonly commit: Commit;
  readonly config: Config;
}

export interface Opened {
  /** Undefined: there is no configuration to begin with. */
  readonly active: Committed | undefined;
  /** The configuration file was left, though something else is in force: the next commit replaces it. */
  readonly fileLeft: boolean;
  readonly reverted: RevertedCommit | undefined;
}

interface OpeningOptions {
  readonly disk: CommitDisk;
  readonly clock: Clock;
  readonly log: Log;
  readonly alarms: Alarms;
}

/**
 * Finds the configuration to begin with. The file counts where it is good: as it was committed, or as somebody has
 * written it meanwhile. Where it is damaged or missing, the newest commit that is good counts. The file is made whole only
 * where that brings back what was committed last: one that this version does not take is there for the version before, which
 * may have to come back. What cannot be written now, or hangs, is left to the next start.
 */
export async function openConfiguration(options: OpeningOptions): Promise<Opened> {
  const { disk, log } = options;
  const { file, folder } = disk;
  await folder.readAll();
  const read = await file.read();
  await settlePrepared(options, read);
  const newest = folder.list()[0]?.number ?? 0;
  const { active, fileLeft } = await activeFrom(options, read);
  if (active) {
    const { number, who, at } = active.commit;
    log.info('configuration', { commit: number, who, committedAt: new Date(at).toISOString() });
  } else log.warn('no configuration: waiting for a first commit');
  return { active, fileLeft, reverted: await settleUnconfirmed(options, active, newest) };
}

/** The file says whether a commit that was under way had been made. */
async function settlePrepared({ disk, log }: OpeningOptions, read: ReadFile): Promise<void> {
  const { folder } = disk;
  const prepared = await folder.prepared();
  if (prepared === undefined) return;
  const made = read.kind !== 'missing' && read.sha256 === prepared.fileSha256;
  await disk
    .tidy(() => (made ? folder.keepPrepared(prepared) : folder.discardPrepared()))
    .catch((error) => log.warn('prepared commit not settled', { error: describeError(error) }));
}

async function activeFrom(options: OpeningOptions, read: ReadFile): Promise<Omit<Opened, 'reverted'>> {
  const { disk, log, alarms } = options;
  const { file, folder } = disk;
  const [newestFacts] = folder.list();
  const newest = newestFacts && (await folder.read(newestFacts.number));
  const decayed = newest !== undefined && hasDecayed(read, newest);
  if (read.kind === 'good' && !decayed) {
    const { tree, config, sha256: fileSha256, stamp: fileStamp } = read;
    const isNewest = newest?.fileSha256 === fileSha256;
    const commit = isNewest ? newest : await keepForeign(options, { tree, fileSha256, fileStamp }, newest);
    return { active: { commit, config }, fileLeft: false };
  }
  if (read.kind === 'missing' && newest === undefined) return { active: undefined, fileLeft: false };
  const good = await newestGood(folder);
  const fileLeft = (read.kind === 'rejected' && !decayed) || good?.commit.number !== newestFacts?.number;
  const instead = good
    ? `commit ${good.commit.number} is in force${fileLeft ? ' and the file left as it is' : ''}`
    : 'nothing earlier is kept';
  alarms.raise({
    name: 'config.damaged',
    severity: 'critical',
    text: `the configuration file cannot be used, ${instead}: ${whyUnused(read, decayed)}`,
  });
  if (good === undefined) return { active: undefined, fileLeft: true };
  if (!fileLeft) return { active: await restore(options, read, good), fileLeft };
  // The next commit replaces it.
  if (read.kind !== 'missing') {
    await disk
      .store(() => file.setAside())
      .catch((error) => log.warn('configuration file not set aside', { error: describeError(error) }));
  }
  return { active: good, fileLeft };
}

function whyUnused(read: ReadFile, decayed: boolean): string {
  if (read.kind === 'missing') return 'it is gone';
  return decayed || read.kind === 'good' ? 'its content has decayed' : read.why;
}

/** It is the file as it was committed, written by nobody since, and has another content. */
function hasDecayed(read: ReadFile, newest: Commit): boolean {
  if (read.kind !== 'good' && read.kind !== 'rejected') return false;
  const { inode, modifiedMs } = newest.fileStamp;
  return (
    read.sha256 !== newest.fileSha256 && read.stamp.inode === inode && read.stamp.modifiedMs === modifiedMs
  );
}

/** Somebody has written the file: that is a commit as well. Without room to keep it, it is in force all the same. */
async function keepForeign(
  { disk, clock, log }: OpeningOptions,
  file: Pick<Commit, 'tree' | 'fileSha256' | 'fileStamp'>,
  newest: Commit | undefined,
): Promise<Commit> {
  const commit: Commit = {
    number: (newest?.number ?? 0) + 1,
    at: clock.nowMs(),
    who: 'file',
    comment: 'read from the configuration file',
    annotations: newest?.annotations ?? {},
    ...file,
  };
  const keep = async () => {
    await disk.folder.prepare(commit);
    await disk.folder.keepPrepared(commit);
  };
  await disk
    .store(keep)
    .catch((error) => log.warn('configuration not kept', { error: describeError(error) }));
  return commit;
}

async function newestGood(folder: CommitFolder): Promise<Committed | undefined> {
  for (const { number } of folder.list()) {
    const commit = await folder.read(number);
    const config = commit && checkConfig(commit.tree).config;
    if (commit && config) return { commit, config };
  }
  return undefined;
}

/** Makes the file whole again. A disk that does not let us is no reason not to begin. */
async function restore(
  { disk, clock, log }: OpeningOptions,
  read: ReadFile,
  { commit: good, config }: Committed,
): Promise<Committed> {
  const { file, folder } = disk;
  const makeWhole = async () => {
    if (read.kind !== 'missing') await file.setAside();
    const { replacement, sha256 } = await file.stage(good.tree);
    const [newest] = folder.list();
    const commit: Commit = {
      ...good,
      number: (newest?.number ?? 0) + 1,
      at: clock.nowMs(),
      who: 'recovery',
      comment: `as commit ${good.number}, for the configuration file was damaged`,
      fileSha256: sha256,
      fileStamp: replacement.stamp,
    };
    await folder.prepare(commit);
    await replacement.publish();
    await replacement.clean();
    await folder.keepPrepared(commit);
    return { commit, config };
  };
  return await disk.store(makeWhole).catch((error) => {
    log.error('configuration file not made whole', { error: describeError(error) });
    return { commit: good, config };
  });
}

/**
 * Who starts inside a confirm window starts with what was before. The window was over when a commit was made that has its
 * number or a later one: it was confirmed, or another one took its place.
 */
async function settleUnconfirmed(
  { disk, clock, log, alarms }: OpeningOptions,
  active: Committed | undefined,
  newest: number,
): Promise<RevertedCommit | undefined> {
  const { folder } = disk;
  const unconfirmed = await folder.unconfirmed();
  // Past commits may be damaged: what is in force was confirmed, whatever its number.
  const over = (commit: UnconfirmedCommit) =>
    commit.number <= newest || isDeepStrictEqual(commit.tree, active?.commit.tree);
  const reverted =
    unconfirmed === undefined || over(unconfirmed)
      ? await folder.reverted()
      : revertedCommit(
          unconfirmed,
          active?.commit.tree ?? {},
          'started again before it was confirmed',
          clock.nowMs(),
        );
  const settle = async () => {
    if (reverted) await folder.keepReverted(reverted);
    await folder.forgetUnconfirmed();
  };
  if (unconfirmed) {
    await disk
      .store(settle)
      .catch((error) => log.warn('end of the confirm window not kept', { error: describeError(error) }));
  }
  if (reverted) tellReverted(reverted, log, alarms);
  return reverted;
}

export function revertedCommit(
  { tree, annotations: _, ...facts }: UnconfirmedCommit,
  back: RawBranch,
  because: RevertedCommit['because'],
  revertedAt: number,
): RevertedCommit {
  return { ...facts, because, revertedAt, changes: renderCompare(back, tree) };
}

/** Says what was taken back, to the log and to whoever looks at the alarms. */
export function tellReverted(reverted: RevertedCommit, log: Log, alarms: Alarms): void {
  const { who, because, changes } = reverted;
  log.warn('commit taken back', { who, because, changes: changes.join('\n') });
  alarms.raise({
    name: 'config.reverted',
    severity: 'major',
    text: `a commit of ${who} was taken back, ${because}: ${changes.length} lines, see the log`,
  });
}
