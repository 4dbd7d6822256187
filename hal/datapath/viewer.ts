import { Signal, WeirError } from '#base';
import { checkWaitMs } from './arguments.ts';
import type { CounterSlot } from './counters.ts';
import type { EnginePort } from './engine-port.ts';
import type { TrackStart, ViewerCounters, ViewerPath } from './face.ts';

/** A viewer that the engine serves. */
export class NativeViewer implements ViewerPath {
  readonly refused: Signal<{ refusals: number }>;
  readonly #id: number;
  readonly #port: EnginePort;
  readonly #slot: CounterSlot<'viewer'>;
  readonly #forget: () => void;
  #starts: readonly TrackStart[];
  #closing: Promise<void> | undefined;

  constructor(
    port: EnginePort,
    options: { id: number; starts: readonly TrackStart[]; slot: CounterSlot<'viewer'>; forget: () => void },
  ) {
    this.#id = options.id;
    this.#starts = options.starts;
    this.#slot = options.slot;
    this.#forget = options.forget;
    this.#port = port;
    this.refused = new Signal(port.listenerFailed);
    port.on('refused', this.#id, (refusals) => this.refused.emit({ refusals: refusals as number }));
  }

  get starts(): readonly TrackStart[] {
    return this.#starts;
  }

  async play(): Promise<void> {
    this.#mustBeOpen();
    await this.#port.request('play', { id: this.#id });
  }

  async pause(): Promise<void> {
    this.#mustBeOpen();
    await this.#port.request('pause', { id: this.#id });
  }

  async seekToStart(startWaitMs: number): Promise<readonly TrackStart[]> {
    checkWaitMs(startWaitMs);
    this.#mustBeOpen();
    this.#starts = await this.#port.request('seekToStart', { id: this.#id, startWaitMs });
    return this.#starts;
  }

  counters(): ViewerCounters {
    return this.#slot.read();
  }

  close(options: { bye?: boolean } = {}): Promise<void> {
    const { bye = false } = options;
    this.#closing ??= this.#port.end(this, 'closeViewer', { id: this.#id, bye }, () => this.#end());
    return this.#closing;
  }

  /** Its feed was closed: the engine has ended this viewer already. */
  endWithFeed(): void {
    if (this.#closing) return;
    this.#closing = Promise.resolve();
    this.#end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #end(): void {
    this.#port.off('refused', this.#id);
    this.#slot.release();
    this.#forget();
  }

  #mustBeOpen(): void {
    if (this.#closing) throw new WeirError('ALREADY_CLOSED', 'the viewer is closed');
  }
}
