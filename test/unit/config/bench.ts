import { readdir } from 'node:fs/promises';
import type { CommitOptions, CommitOutcome, Configurations } from '../../../src/config/index.ts';
import type { SyncFolder } from '../../../src/config/kept/durable-file.ts';
import { HandClock } from '../session/scripted.ts';
import { BoxFolder, named, type OpenBox } from './box-folder.ts';

export const who = 'ann';

/** A box with its files, new for each test, that can be started again. */
export class Bench {
  folder!: BoxFolder;
  clock = new HandClock();
  box!: OpenBox;
  /** How folders are made durable from the next start on. */
  syncFolder: SyncFolder | undefined;

  get configurations(): Configurations {
    return this.box.configurations;
  }

  /** Starts it, once more. */
  readonly open = async (): Promise<void> => {
    this.box = await this.folder.open(this.clock, this.syncFolder && { syncFolder: this.syncFolder });
  };

  readonly commit = (name: string, ...lines: string[]): Promise<CommitOutcome> =>
    this.configurations.commit(named(this.configurations, name, ...lines), { who });

  readonly tryOut = (
    name: string,
    minutes = 10,
    options: Partial<CommitOptions> = {},
  ): Promise<CommitOutcome> =>
    this.configurations.commit(named(this.configurations, name), {
      who,
      comment: 'careful',
      confirmMinutes: minutes,
      ...options,
    });

  /** Files of commits. */
  readonly kept = async (): Promise<string[]> =>
    (await readdir(this.folder.folder)).filter((name) => name !== 'spare').toSorted();

  readonly inForce = (): string | undefined => this.configurations.config?.system.name;

  readonly nameOnDisk = async (): Promise<string> =>
    ((await this.folder.read()) as { system: { name: string } }).system.name;
}

/** A bench for each test of the suite around. */
export function useBench(): Bench {
  const bench = new Bench();
  beforeEach(async () => {
    bench.folder = await BoxFolder.make();
    bench.clock = new HandClock();
    bench.syncFolder = undefined;
    await bench.open();
  });
  afterEach(async () => {
    await bench.configurations.close();
    await bench.folder[Symbol.asyncDispose]();
  });
  return bench;
}

/** Resolves when something else is in force. */
export function nextChange(configurations: Configurations): Promise<void> {
  return new Promise((resolve) => {
    const listening = configurations.changed.on(() => {
      listening[Symbol.dispose]();
      resolve();
    });
  });
}
