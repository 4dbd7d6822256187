import { copyFile, mkdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describeError } from '#base';
import { checkConfig } from '../parse.ts';
import { isBranch, type RawBranch } from '../raw-tree.ts';
import type { Config } from '../tree.ts';
import { upgradeTree } from '../upgrade.ts';
import type { FileStamp, SyncFolder } from './durable-file.ts';
import { Replacement } from './replacement.ts';
import { sha256 } from './sealed.ts';

/** What a configuration file turned out to be. */
export type ReadFile =
  | { readonly kind: 'missing' }
  /** No configuration to any version of Weir: torn, or not to be read. */
  | { readonly kind: 'bad'; readonly why: string; readonly sha256: string | undefined }
  /** A whole file, but not one that this version takes. Another version may. */
  | { readonly kind: 'rejected'; readonly why: string; readonly sha256: string; readonly stamp: FileStamp }
  | {
      readonly kind: 'good';
      readonly tree: RawBranch;
      readonly config: Config;
      readonly sha256: string;
      readonly stamp: FileStamp;
    };

/** The configuration file: the active tree as plain JSON, nothing else. */
export class ActiveFile {
  readonly #named: string;
  readonly #sync: SyncFolder;

  constructor(path: string, sync: SyncFolder) {
    this.#named = path;
    this.#sync = sync;
  }

  async read(): Promise<ReadFile> {
    let bytes: Buffer;
    let stamp: FileStamp;
    try {
      bytes = await readFile(this.#named);
      const { ino, mtimeMs } = await stat(this.#named, { bigint: true });
      stamp = { inode: String(ino), modifiedMs: Number(mtimeMs) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'missing' };
      return { kind: 'bad', why: describeError(error), sha256: undefined };
    }
    const hash = sha256(bytes);
    let tree: unknown;
    try {
      tree = upgradeTree(JSON.parse(bytes.toString('utf8')));
    } catch (error) {
      return { kind: 'bad', why: `it is not JSON: ${describeError(error)}`, sha256: hash };
    }
    const { config, faults } = checkConfig(tree);
    if (!config || !isBranch(tree)) {
      const why = faults.map(({ path, text }) => `${path || 'the whole'}: ${text}`).join('; ');
      return { kind: 'rejected', why, sha256: hash, stamp };
    }
    return { kind: 'good', tree, config, sha256: hash, stamp };
  }

  /** Writes `tree` beside the file. */
  async stage(tree: RawBranch): Promise<{ readonly replacement: Replacement; readonly sha256: string }> {
    // Of a link it is the file that is replaced.
    const path = await realpath(this.#named).catch(() => this.#named);
    await mkdir(dirname(path), { mode: 0o700 }).catch((error) => {
      if (error.code !== 'EEXIST') throw error;
    });
    const text = `${JSON.stringify(tree, undefined, 2)}\n`;
    return { replacement: await Replacement.stage(path, text, this.#sync), sha256: sha256(text) };
  }

  /** Keeps a copy of a file that cannot be used, for whoever wants to know what became of it. */
  async setAside(): Promise<void> {
    await copyFile(this.#named, `${this.#named}.damaged`);
  }
}
