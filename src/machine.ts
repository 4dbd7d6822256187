import { availableParallelism } from 'node:os';
import { type Alarms, type Clock, type Closeable, CloseStack, type Log } from '#base';
import type { Hal, HalOptions } from '#hal';
import type { Config } from './config/index.ts';
import { engineThreadCount } from './engine-thread-count.ts';
import { BoardChecks } from './health/index.ts';
import { LateStore } from './late-store.ts';
import { Relay } from './relay.ts';
import { chainReceivers } from './upload/index.ts';

export interface MachineOptions {
  readonly dataDir: string;
  readonly openHal: (options: HalOptions) => Promise<Hal>;
  readonly clock: Clock;
  readonly log: Log;
  readonly alarms: Alarms;
}

/** The box from one start to the next: hardware, records, and, with a configuration, the relay. */
export class Machine implements Closeable {
  readonly hal: Hal;
  /** Open, or tried again until it is. */
  readonly store: LateStore;
  /** None as long as nothing is configured. */
  readonly relay: Relay | undefined;
  readonly #parts: CloseStack;

  private constructor(hal: Hal, store: LateStore, relay: Relay | undefined, parts: CloseStack) {
    this.hal = hal;
    this.store = store;
    this.relay = relay;
    this.#parts = parts;
  }

  /** Opens all of it; when something fails, all that was opened is closed and the error is thrown. */
  static async open(options: MachineOptions, config: Config | undefined): Promise<Machine> {
    const { dataDir, openHal, clock, log, alarms } = options;
    const parts = new CloseStack();
    try {
      const engineThreads = engineThreadCount(config?.relay.engineThreads ?? 0, availableParallelism());
      const realtime = config?.system.realtime ?? true;
      const cloning = config?.relay.cloneInKernel ?? false;
      const hal = parts.use(await openHal({ log, realtime, engineThreads, cloning }));
      parts.use(new BoardChecks({ board: hal.board, alarms, clock, log }));
      const bootId = await hal.board.bootId();
      const anchorDeliveries = config ? chainReceivers(config.upload) : [];
      const store = parts.use(
        await LateStore.open({ folder: dataDir, bootId, clock, log, alarms, anchorDeliveries }),
      );
      const relay = config && parts.use(await Relay.start({ config, hal, log, clock, alarms, store }));
      return new Machine(hal, store, relay, parts);
    } catch (error) {
      await parts.close().catch(() => {});
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#parts.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
