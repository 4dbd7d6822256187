import type { Board, BoardFacts, BoardLoad, FlashWear } from '../board.ts';

/** A board whose facts and load a test decides. */
export class SimBoard implements Board {
  #facts: BoardFacts = {
    manufacturer: 'Weir',
    model: 'simulated gateway',
    serialNumber: 'SIM-0001',
    cpu: 'simulated',
    cores: 4,
    memoryBytes: 2_147_483_648n,
    kernel: '6.12.0',
    os: 'Debian GNU/Linux 13',
  };
  #load: BoardLoad = {
    uptimeSeconds: 60,
    load1: 0.1,
    memoryAvailableBytes: 1_073_741_824n,
    temperatureMilliC: 45_000,
  };

  clockIsSynchronised = true;
  boot = '00000000-0000-4000-8000-000000000001';

  async bootId(): Promise<string> {
    return this.boot;
  }

  clockSynchronised(): boolean {
    return this.clockIsSynchronised;
  }

  async facts(): Promise<BoardFacts> {
    return this.#facts;
  }

  async load(): Promise<BoardLoad> {
    return this.#load;
  }

  /** What `flashWear` tells. */
  wear: readonly FlashWear[] = [];

  async flashWear(): Promise<readonly FlashWear[]> {
    return this.wear;
  }

  set(next: { facts?: Partial<BoardFacts>; load?: Partial<BoardLoad> }): void {
    this.#facts = { ...this.#facts, ...next.facts };
    this.#load = { ...this.#load, ...next.load };
  }
}
