import { mkdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '#base';

export const repository = join(import.meta.dirname, '..');

/** Root, two images, what is packed from them; measured 1.9 GB. */
const neededBytes = 3 * 1024 ** 3;

/** Where a build works. */
export class Workspace {
  /** Kept from build to build: packages, npm's modules, the archive's lists. */
  readonly cache: string;
  /** Of this build alone; emptied when the next one begins. */
  readonly build: string;
  /** What comes out. */
  readonly dist: string;

  constructor(options: { cache?: string; build?: string; dist?: string } = {}) {
    this.cache = options.cache ?? join(repository, 'build', 'image-cache');
    this.build = options.build ?? join(repository, 'build', 'image');
    this.dist = options.dist ?? join(repository, 'dist');
  }

  /** Makes the folders, and an empty one for the build. */
  prepare(): void {
    rmSync(this.build, { recursive: true, force: true });
    for (const folder of [this.cache, this.build, this.dist]) mkdirSync(folder, { recursive: true });
    for (const folder of [this.build, this.dist]) requireSpace(folder);
  }

  /** A path in the folder of this build. */
  path(...names: string[]): string {
    return join(this.build, ...names);
  }
}

function requireSpace(folder: string): void {
  const { bavail, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return;
  throw new WeirError('IMAGE_NO_SPACE', `too little room to build an image in ${folder}`, {
    fields: { freeMiB: Math.floor(freeBytes / 2 ** 20), neededMiB: neededBytes / 2 ** 20 },
    advice: 'make room, or name another folder with --out',
  });
}
