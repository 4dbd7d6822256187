import { isAbsolute } from 'node:path';
import { isWeirError, WeirError } from '#base';
import type { RootVerbs } from '#hal';
import { downloadBundle } from './bundle-download.ts';
import { parseUpdateStatus, type SlotStatus, type UpdateStatus } from './update-status.ts';
import { compareVersions } from './version-order.ts';

export interface InstallProgress {
  readonly step: 'fetching' | 'checking' | 'writing' | 'installed';
  readonly percent: number | null;
  readonly text: string;
}

export interface InstallOptions {
  /** A path on the box, or an http or https URL. */
  readonly source: string;
  /** Also a version that is older than the one that runs. */
  readonly force: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface ActivateOrder {
  /** Starts the box again at once; else the other slot's turn comes when somebody does. */
  readonly reboot: boolean;
}

export interface ResetOrder {
  readonly includingRecords: boolean;
}

/** What a bundle says of itself, its signature checked. */
interface BundleFacts {
  readonly compatible: string;
  readonly version: string;
}

/** How often what is fetched is told of. */
const steps = 20;

/** Brings the box to other versions: one order at a time, each whole or not at all. */
export class Updates {
  readonly #rootVerbs: RootVerbs;
  readonly #folder: string;
  readonly #version: string;
  #installing = false;

  /** `folder`: where a bundle is kept while it is installed. `version`: the one that runs. */
  constructor(options: { rootVerbs: RootVerbs; folder: string; version: string }) {
    this.#rootVerbs = options.rootVerbs;
    this.#folder = options.folder;
    this.#version = options.version;
  }

  /** A version is being written. */
  get installing(): boolean {
    return this.#installing;
  }

  /** @throws {WeirError} NOT_AVAILABLE on a machine that is not a flashed gateway. */
  async status(): Promise<UpdateStatus> {
    return parseUpdateStatus(await this.#run(['status']), this.#version);
  }

  /**
   * Fetches and checks a bundle and writes it to the slot that does not run, while viewers play on. What is booted does not
   * change; a bundle that is refused, or an end in the middle, leaves the running slot and its turn as they were.
   *
   * @throws {WeirError} NOT_AVAILABLE, UPDATE_BUSY, UPDATE_UNREACHABLE, UPDATE_NO_SPACE, UPDATE_BAD_BUNDLE, UPDATE_BAD_SIGNATURE,
   * UPDATE_OTHER_HARDWARE, UPDATE_DOWNGRADE, UPDATE_FAILED
   */
  async *install(options: InstallOptions): AsyncGenerator<InstallProgress> {
    if (this.#installing) {
      throw new WeirError('UPDATE_BUSY', 'a version is being installed already', {
        advice: 'wait until it is done',
      });
    }
    this.#installing = true;
    const told = new Told();
    // Goes on to its end when nobody listens any more: only then another one may begin.
    const work = this.#bring(options, (progress) => told.push(progress)).finally(() => {
      this.#installing = false;
      told.end();
    });
    // Awaited below; until then a failure is nobody's fault.
    work.catch(() => {});
    yield* told;
    yield await work;
  }

  async #bring(
    { source, force, signal }: InstallOptions,
    tell: (progress: InstallProgress) => void,
  ): Promise<InstallProgress> {
    const { compatible } = await this.status();
    await using fetched = isUrl(source)
      ? await downloadBundle(source, this.#folder, { onProgress: fetching(tell), signal })
      : undefined;
    const path = fetched?.path ?? source;
    if (!isAbsolute(path)) {
      throw new WeirError('USAGE', 'a bundle is named by its whole path, or by an http or https URL', {
        fields: { source },
      });
    }
    tell({ step: 'checking', percent: null, text: 'checking the signature' });
    const bundle = parseBundle(await this.#run(['inspect', path]));
    this.#checkFit(bundle, compatible, force);
    // What is written is written to its end: half a version is of no use to anybody, and harms nobody.
    await this.#run(['install', path], (line) => {
      const [, percent, text] = /^\s*(\d+)% (.+)$/.exec(line) ?? [];
      if (percent !== undefined) tell({ step: 'writing', percent: Number(percent), text: text ?? '' });
    });
    return {
      step: 'installed',
      percent: 100,
      text: `version ${bundle.version} is installed, and started by "request system activate"`,
    };
  }

  #checkFit({ compatible, version }: BundleFacts, ours: string, force: boolean): void {
    if (compatible !== ours) {
      throw new WeirError('UPDATE_OTHER_HARDWARE', 'the bundle is for other hardware', {
        fields: { bundle: compatible, box: ours },
        advice: `take the bundle for ${ours}`,
      });
    }
    if (!force && compareVersions(version, this.#version) < 0) {
      throw new WeirError('UPDATE_DOWNGRADE', 'the bundle is older than the version that runs', {
        fields: { bundle: version, running: this.#version },
        advice: 'to go back all the same: force',
      });
    }
  }

  /** From the next start on the other slot is booted, as long as it gets healthy. */
  async activate({ reboot }: ActivateOrder): Promise<SlotStatus> {
    const { slots } = await this.status();
    const other = slots.find(({ running }) => !running) as SlotStatus;
    if (this.#installing || !other.installed) {
      throw new WeirError('UPDATE_FAILED', `slot ${other.slot} holds no whole version`, {
        advice: 'install one: request system update FILE|URL',
      });
    }
    await this.#run(['activate']);
    const after = await this.status();
    if (reboot) await this.#rootVerbs.run('reboot', []);
    return after.slots.find(({ slot }) => slot === other.slot) as SlotStatus;
  }

  /** Tells the box that the system that runs is healthy; nothing where there are no slots. */
  async healthy(): Promise<void> {
    if (this.#rootVerbs.has('update')) await this.#run(['healthy']);
  }

  /** Tells it that the system that runs does its work, though not with what this box keeps: a good slot loses no try by that. */
  async working(): Promise<void> {
    if (this.#rootVerbs.has('update')) await this.#run(['working']);
  }

  /** At the next start, which follows at once, all that was configured is forgotten; records too when told so. */
  async factoryReset(order: ResetOrder): Promise<ResetOrder> {
    await this.#rootVerbs.run('factory-reset', order.includingRecords ? ['including-records'] : []);
    return order;
  }

  async #run(words: readonly string[], onLine?: (line: string) => void): Promise<readonly string[]> {
    try {
      return await this.#rootVerbs.run('update', words, { ...(onLine && { onLine }) });
    } catch (error) {
      throw isWeirError(error, 'VERB_FAILED') ? updateError(error) : error;
    }
  }
}

/** What has a code of its own among the reasons the box gives. */
const refusals = {
  missing: ['UPDATE_BAD_BUNDLE', 'there is no such bundle', 'check the path'],
  damaged: [
    'UPDATE_BAD_BUNDLE',
    'the bundle is damaged or cut off',
    'fetch it again and compare its checksum',
  ],
  key: [
    'UPDATE_BAD_SIGNATURE',
    'the bundle is not signed with the key of this box',
    'take a bundle from who made the image of this box',
  ],
  hardware: ['UPDATE_OTHER_HARDWARE', 'the bundle is for other hardware', 'take the bundle for this box'],
  busy: ['UPDATE_BUSY', 'a version is being installed already', 'wait until it is done'],
} as const;

function updateError(error: WeirError): WeirError {
  const reason = String(error.fields.reason);
  const refusal = Object.hasOwn(refusals, reason) ? refusals[reason as keyof typeof refusals] : undefined;
  if (!refusal) {
    return new WeirError('UPDATE_FAILED', `the update failed: ${error.message}`, {
      advice: 'the running version and its slot are as they were; try again',
      cause: error,
    });
  }
  const [code, message, advice] = refusal;
  return new WeirError(code, message, { fields: { said: error.message }, advice, cause: error });
}

function parseBundle(lines: readonly string[]): BundleFacts {
  try {
    const { compatible, version } = JSON.parse(lines.join('')) as Partial<BundleFacts>;
    if (typeof compatible === 'string' && typeof version === 'string') return { compatible, version };
  } catch {
    // As below: it is not what RAUC writes.
  }
  throw new WeirError('UPDATE_BAD_BUNDLE', 'the bundle does not say what it is for', {
    advice: 'take one that was built for Weir',
  });
}

const isUrl = (source: string): boolean => /^https?:\/\//i.test(source) && URL.canParse(source);

function fetching(tell: (progress: InstallProgress) => void): (done: number, all?: number) => void {
  let told = -1;
  return (done, all) => {
    const step = all === undefined ? Math.floor(done / 2 ** 23) : Math.floor((done / all) * steps);
    if (step <= told) return;
    told = step;
    const percent = all === undefined ? null : Math.floor((done / all) * 100);
    tell({ step: 'fetching', percent, text: `${Math.floor(done / 2 ** 20)} MiB` });
  };
}

/** What one side tells as it happens and the other one takes when it can. */
class Told {
  readonly #waiting: InstallProgress[] = [];
  #ended = false;
  #wake: () => void = () => {};

  push(progress: InstallProgress): void {
    this.#waiting.push(progress);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<InstallProgress> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next) yield next;
      else if (this.#ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
