import { mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, type Log } from '#base';
import { isBranch, type RawBranch } from '../raw-tree.ts';
import { upgradeTree } from '../upgrade.ts';
import type { Commit, CommitFacts, RevertedCommit, UnconfirmedCommit } from './commit.ts';
import { removeDurably, type SyncFolder, writeDurably } from './durable-file.ts';
import { seal, unseal } from './sealed.ts';
import { Spare } from './spare.ts';

/** How many commits are kept, the one in force among them. */
const keptCommits = 50;
/** Large configurations are kept less often: a hundred thousand subscribers are 10 MB. */
const keptBytes = 64 * 1024 * 1024;

interface Kept {
  readonly facts: CommitFacts;
  readonly bytes: number;
}

/**
 * The folder with past commits, one sealed file each. A commit is first written as `prepared.json`: it has been made when
 * the configuration file has its content, and only then gets its number for a name.
 */
export class CommitFolder {
  /** Room on the disk for when there is none. */
  readonly spare: Spare;
  readonly #path: string;
  readonly #sync: SyncFolder;
  readonly #log: Log;
  readonly #kept: Kept[] = [];

  constructor(path: string, sync: SyncFolder, log: Log) {
    this.spare = new Spare(path);
    this.#path = path;
    this.#sync = sync;
    this.#log = log;
  }

  /** Reads what is kept. Files that are damaged are set aside; no folder, or one that cannot be read, is an empty one. */
  async readAll(): Promise<void> {
    const path = this.#path;
    const names = await readdir(path).catch((error) => {
      if (error.code !== 'ENOENT') {
        this.#log.error('past commits not read', { path, error: describeError(error) });
      }
      return [];
    });
    for (const name of names.toSorted()) {
      if (!/^commit-\d{8}\.json$/.test(name)) continue;
      const commit = await this.#readCommit(name);
      if (commit) this.#remember(commit.commit, commit.bytes);
    }
  }

  /** Newest first. */
  list(): readonly CommitFacts[] {
    return this.#kept.map(({ facts }) => facts);
  }

  /** Undefined: it is not kept, or damaged by now. */
  async read(number: number): Promise<Commit | undefined> {
    if (!this.#kept.some(({ facts }) => facts.number === number)) return undefined;
    return (await this.#readCommit(commitName(number)))?.commit;
  }

  async prepare(commit: Commit): Promise<void> {
    await this.#write('prepared.json', commit);
  }

  async prepared(): Promise<Commit | undefined> {
    return asCommit(await this.#readSealed('prepared.json'));
  }

  /** The prepared commit has been made. */
  async keepPrepared(commit: Commit): Promise<void> {
    await rename(join(this.#path, 'prepared.json'), join(this.#path, commitName(commit.number)));
    await this.#sync(this.#path);
    this.#remember(commit, seal(commit).length);
    await this.#prune();
  }

  async discardPrepared(): Promise<void> {
    await removeDurably(join(this.#path, 'prepared.json'), this.#sync);
  }

  async keepUnconfirmed(commit: UnconfirmedCommit): Promise<void> {
    await this.#write('unconfirmed.json', commit);
  }

  async unconfirmed(): Promise<UnconfirmedCommit | undefined> {
    const body = await this.#readSealed('unconfirmed.json');
    return isTreeBody(body) ? (body as unknown as UnconfirmedCommit) : undefined;
  }

  async forgetUnconfirmed(): Promise<void> {
    await removeDurably(join(this.#path, 'unconfirmed.json'), this.#sync);
  }

  async keepReverted(commit: RevertedCommit): Promise<void> {
    await this.#write('reverted.json', commit);
  }

  async reverted(): Promise<RevertedCommit | undefined> {
    const body = await this.#readSealed('reverted.json');
    return isBranch(body) && Array.isArray(body.changes) ? (body as unknown as RevertedCommit) : undefined;
  }

  async forgetReverted(): Promise<void> {
    await removeDurably(join(this.#path, 'reverted.json'), this.#sync);
  }

  #remember({ number, at, who, comment }: Commit, bytes: number): void {
    this.#kept.unshift({ facts: { number, at, who, ...(comment === undefined ? {} : { comment }) }, bytes });
  }

  async #prune(): Promise<void> {
    let bytes = 0;
    const over = this.#kept.filter((kept, index) => {
      bytes += kept.bytes;
      // The one before the last is always there to go back to.
      return index >= keptCommits || (index > 1 && bytes > keptBytes);
    });
    for (const kept of over) {
      await removeDurably(join(this.#path, commitName(kept.facts.number)), this.#sync);
      this.#kept.splice(this.#kept.indexOf(kept), 1);
    }
  }

  async #write(name: string, body: unknown): Promise<void> {
    // Whoever has removed it while we ran shall not keep the box from being configured.
    await mkdir(this.#path, { recursive: true, mode: 0o700 });
    await writeDurably(join(this.#path, name), seal(body), this.#sync);
  }

  async #readCommit(name: string): Promise<{ commit: Commit; bytes: number } | undefined> {
    const file = join(this.#path, name);
    const text = await readFile(file, 'utf8').catch((error) => {
      this.#log.warn('kept configuration not read', { file, error: describeError(error) });
      return undefined;
    });
    if (text === undefined) return undefined;
    const commit = asCommit(unseal(text));
    if (commit) return { commit, bytes: text.length };
    this.#log.warn('kept configuration is damaged and set aside', { file });
    await rename(file, `${file}.damaged`).catch(() => {});
    return undefined;
  }

  async #readSealed(name: string): Promise<unknown> {
    const file = join(this.#path, name);
    const text = await readFile(file, 'utf8').catch(() => undefined);
    const body = text === undefined ? undefined : unseal(text);
    if (text !== undefined && body === undefined) this.#log.warn('file is damaged', { file });
    return body;
  }
}

const commitName = (number: number): string => `commit-${String(number).padStart(8, '0')}.json`;

const isTreeBody = (body: unknown): body is { tree: RawBranch } => isBranch(body) && isBranch(body.tree);

/** Kept trees may be older than this Weir. */
function asCommit(body: unknown): Commit | undefined {
  if (!isTreeBody(body)) return undefined;
  return { ...(body as unknown as Commit), tree: upgradeTree(body.tree) as RawBranch };
}
