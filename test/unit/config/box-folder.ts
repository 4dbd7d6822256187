/** A box's files on a disk of its own, and what follows the configuration, with faults to order. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Alarms, type Clock, silentLog } from '#base';
import {
  type Candidate,
  type Config,
  Configurations,
  type Follower,
  splitWords,
} from '../../../src/config/index.ts';
import type { SyncFolder } from '../../../src/config/kept/durable-file.ts';

/** Where the console is as long as the configuration does not say. */
export const consolePort = '/dev/ttyS0';
export const smallest = { interfaces: { wan: { device: 'wan0' }, access: { device: 'lan0' } } };

/** A box that says what it was brought to. */
export class SimFollower implements Follower {
  /** The names it was given, one after the other; the last one is in force. */
  readonly names: string[] = [];
  failNext: Error | undefined;
  failUndo: Error | undefined;

  async apply(next: Config): Promise<() => Promise<void>> {
    const failure = this.failNext;
    this.failNext = undefined;
    if (failure) throw failure;
    const before = this.names.at(-1) ?? 'none';
    this.names.push(next.system.name);
    return async () => {
      if (this.failUndo) throw this.failUndo;
      this.names.push(before);
    };
  }

  async check(): Promise<void> {}

  awaitingRestart(): readonly (readonly string[])[] {
    return [];
  }

  async begin(config: Config): Promise<void> {
    this.names.push(config.system.name);
  }
}

export class BoxFolder implements AsyncDisposable {
  readonly path: string;
  readonly file: string;
  readonly folder: string;

  private constructor(path: string) {
    this.path = path;
    this.file = join(path, 'weir.json');
    this.folder = join(path, 'config');
  }

  static at(path: string): BoxFolder {
    return new BoxFolder(path);
  }

  static async make(parent = tmpdir()): Promise<BoxFolder> {
    return new BoxFolder(await mkdtemp(join(parent, 'weir-config-')));
  }

  /** As a start does. */
  async open(clock: Clock, more: { readonly syncFolder?: SyncFolder } = {}): Promise<OpenBox> {
    const alarms = new Alarms({ clock, log: silentLog });
    const { file, folder } = this;
    const options = { file, folder, consolePort, clock, log: silentLog, alarms, ...more };
    const configurations = await Configurations.open(options);
    const follower = new SimFollower();
    configurations.follow(follower);
    return { configurations, alarms, follower };
  }

  async read(): Promise<unknown> {
    return JSON.parse(await readFile(this.file, 'utf8'));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.path, { recursive: true, force: true });
  }
}

export interface OpenBox {
  readonly configurations: Configurations;
  readonly alarms: Alarms;
  readonly follower: SimFollower;
}

/** The candidate with a name for the box, and further lines of `set`. */
export function named(configurations: Configurations, name: string, ...lines: string[]): Candidate {
  const candidate = configurations.candidate();
  candidate.merge({ ...smallest, system: { name } });
  for (const line of lines) candidate.set([], splitWords(line));
  return candidate;
}

export const standing = ({ alarms }: OpenBox): string[] => alarms.standing().map(({ name }) => name);
