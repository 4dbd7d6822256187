import { type Alarms, type Clock, type Closeable, describeError } from '#base';
import type { Datapath, Interception } from '#hal';

const beatMs = 1000;

/**
 * Keeps the intercepted ports intercepted while Weir is healthy: JavaScript runs (this timer fires) and the engine
 * answers. Whatever stops the beat lets the ports expire after 3 s, and viewers reach the origin by themselves.
 */
export class Heartbeat implements Closeable {
  readonly #options: {
    readonly interception: Interception;
    readonly datapath: Datapath;
    readonly alarms: Alarms;
    readonly clock: Clock;
  };
  #timer: Disposable | undefined;
  #beating: Promise<void> | undefined;

  constructor(options: { interception: Interception; datapath: Datapath; alarms: Alarms; clock: Clock }) {
    this.#options = options;
  }

  /** The first beat has been done when this resolves; it rejects when that one fails. */
  async start(): Promise<void> {
    await this.#beat();
    this.#timer = this.#options.clock.every(beatMs, () => {
      this.#beating ??= this.#tryBeat().finally(() => {
        this.#beating = undefined;
      });
    });
  }

  async #beat(): Promise<void> {
    await this.#options.datapath.ping();
    await this.#options.interception.renew();
  }

  async #tryBeat(): Promise<void> {
    const { alarms } = this.#options;
    try {
      await this.#beat();
      alarms.clear('relay.heartbeat');
    } catch (error) {
      alarms.raise({
        name: 'relay.heartbeat',
        severity: 'critical',
        text: `viewers go past the box: ${describeError(error)}`,
      });
    }
  }

  async close(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    await this.#beating;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
