import { type Log, WeirError } from '#base';
import type { Addon, CloningFacts } from './addon.ts';
import type { CounterTable } from './counters.ts';
import { EnginePort } from './engine-port.ts';
import type { EngineThread } from './face.ts';

/** More than any box has cores to spare. */
const maxThreads = 64;

/**
 * The engines of a datapath, each with a thread of its own. They share nothing but the table of counters: a feed lives on
 * one of them with everything that it uses.
 */
export class EngineThreads {
  /** Has what serves no feed: listeners, connections being made, pairs and connections before they are used. */
  readonly first: EnginePort;
  readonly #all: readonly EnginePort[];

  /** @throws {WeirError} DATAPATH_BAD_ARGUMENT, or DATAPATH_FAILED when a thread cannot be had; none is left then. */
  constructor(options: {
    readonly addon: Addon;
    readonly counters: CounterTable;
    readonly threads: number;
    readonly realtimePriority: number;
    readonly cloning: boolean;
    readonly log: Log;
  }) {
    const { threads, ...each } = options;
    if (!Number.isInteger(threads) || threads < 1 || threads > maxThreads) {
      throw new WeirError('DATAPATH_BAD_ARGUMENT', `threads is not usable: ${threads}`, {
        fields: { threads },
      });
    }
    const name = 'weir-datapath';
    this.first = new EnginePort({ ...each, threadName: name });
    const all = [this.first];
    this.#all = all;
    try {
      while (all.length < threads) all.push(new EnginePort({ ...each, threadName: `${name}-${all.length}` }));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * The one with the least to do, the first of several. Every feed, viewer and splice counts as one: what is there is known
   * at once and does not waver, as a measured load would.
   */
  get leastLoaded(): EnginePort {
    return this.#all.reduce((least, port) => (loadOf(port) < loadOf(least) ? port : least));
  }

  get realtime(): boolean {
    return this.#all.every((port) => port.engine.realtime(0));
  }

  async cloneAt(device: number): Promise<void> {
    await Promise.all(this.#all.map((port) => port.request('cloneAt', { device })));
  }

  cloning(): readonly CloningFacts[] {
    return this.first.closed ? [] : this.#all.map((port) => port.engine.cloning(0));
  }

  facts(): readonly EngineThread[] {
    if (this.first.closed) return [];
    return this.#all.map((port) => {
      const { feed, viewer, splice } = port.serving;
      return { cpuNs: port.engine.cpuNs(0), feeds: feed, viewers: viewer, splices: splice };
    });
  }

  /** Resolves when every engine has answered. */
  async ping(): Promise<void> {
    await Promise.all(this.#all.map((port) => port.request('ping', undefined)));
  }

  /** Ends all that is open on any of them. */
  async endAll(): Promise<void> {
    await Promise.all(this.#all.flatMap((port) => port.open.map((opened) => opened.close())));
  }

  /** Joins their threads. */
  close(): void {
    for (const port of this.#all) port.close();
  }
}

function loadOf({ serving }: EnginePort): number {
  return serving.feed + serving.viewer + serving.splice;
}
