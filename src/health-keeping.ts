import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Alarms, type Clock, type Closeable, CloseStack, isWeirError, type Log, WeirError } from '#base';
import type { Appliance } from './appliance.ts';
import { ProofOfHealth, Watchdog } from './health/index.ts';
import type { Updates } from './operations/index.ts';
import { selfTest } from './self-test.ts';

/** Alarms of a box that does not know, or cannot use, what was configured. */
const noConfiguration: ReadonlySet<string> = new Set(['config.damaged', 'config.unread']);

/**
 * Tells those outside how the appliance is: the supervisor, that it lives; on a flashed gateway the slot it runs from, that
 * this version does its work here.
 */
export class HealthKeeping implements Closeable {
  readonly #parts = new CloseStack();
  readonly #appliance: Appliance;
  readonly #options: { dataDir: string; updates: Updates; alarms: Alarms; clock: Clock; log: Log };

  constructor(
    appliance: Appliance,
    options: { dataDir: string; updates: Updates; alarms: Alarms; clock: Clock; log: Log },
  ) {
    const { alarms, clock, log, updates } = options;
    this.#appliance = appliance;
    this.#options = options;
    const { supervisor, rootVerbs } = appliance.hal;
    supervisor.ready();
    this.#parts.defer(async () => supervisor.stopping());
    this.#parts.use(new Watchdog({ supervisor, ping: () => this.#ping(), clock }));
    if (!rootVerbs.has('update')) return;
    this.#parts.use(
      new ProofOfHealth({
        test: () => this.#test(),
        proven: () => updates.healthy(),
        testAlone: () => this.#testAlone(),
        working: () => updates.working(),
        alarms,
        clock,
        log,
      }),
    );
  }

  /** In the moments of a restart there is no engine to ask; that this runs is what can be known. */
  async #ping(): Promise<void> {
    try {
      await this.#appliance.hal.datapath.ping();
    } catch (error) {
      if (!isWeirError(error, 'NOT_READY') && !isWeirError(error, 'ALREADY_CLOSED')) throw error;
    }
  }

  async #test(): Promise<void> {
    const { dataDir, alarms, clock, log } = this.#options;
    const unusable = alarms.standing().find(({ name }) => noConfiguration.has(name));
    if (unusable) {
      throw new WeirError('SELF_TEST_FAILED', 'the configuration of this box cannot be used', {
        advice: `see the alarm ${unusable.name}`,
      });
    }
    if (this.#appliance.config && !this.#appliance.relay) {
      throw new WeirError('SELF_TEST_FAILED', 'the relay cannot be started with what is configured', {
        advice: 'see the alarm relay.notStarted',
      });
    }
    // A version that cannot open what the one before wrote does not do its work, however well it keeps books of its own.
    if (!this.#appliance.store) {
      throw new WeirError('SELF_TEST_FAILED', 'the records of this box cannot be opened', {
        advice: 'see the alarm storage.unavailable',
      });
    }
    const report = await selfTest({ hal: this.#appliance.hal, folder: dataDir, clock });
    log.info('self-test passed', { ...report });
  }

  /** With books in memory: whatever is wrong with the disk of this box, its configuration or its records. */
  async #testAlone(): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'weir-alone-'));
    try {
      await selfTest({ hal: this.#appliance.hal, folder, clock: this.#options.clock });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  close(): Promise<void> {
    return this.#parts.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
