import type { Clock } from '#base';
import type { MediaPayload } from './rtp/h264-payload.ts';

/** What a live track plays: the same units for everybody, one after the other, for ever. */
export interface TrackContent {
  readonly kind: 'video' | 'audio';
  readonly payloadType: number;
  readonly clockRateHz: number;
  readonly unitsPerSecond: number;
  /** Attributes of its SDP media section, without `a=`. */
  readonly attributes: readonly string[];
  /** Nominal, RTP headers included. */
  readonly bitsPerSecond: number;
  /** Packets of the unit `index`, a frame or a piece of sound. */
  unit(index: number): readonly MediaPayload[];
}

export type UnitListener = (unit: {
  readonly index: number;
  readonly payloads: readonly MediaPayload[];
}) => void;

/** A delay of more than this (a stopped machine) is skipped, not made good. */
const mostDelayNs = 1_000_000_000n;

/** Plays a content in real time: each unit at its time, without drift. */
export class LiveTrack {
  readonly content: TrackContent;
  readonly #clock: Clock;
  readonly #listeners = new Set<UnitListener>();
  #startMonoNs: bigint;
  #nextUnit = 0;
  #timer: Disposable | undefined;

  constructor(content: TrackContent, clock: Clock) {
    this.content = content;
    this.#clock = clock;
    this.#startMonoNs = clock.monoNs();
  }

  start(): void {
    this.#startMonoNs = this.#clock.monoNs();
    this.#schedule();
  }

  stop(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  /** Listens from the next unit on, until the handle is disposed of. */
  listen(listener: UnitListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  /** The unit that is sent next. */
  get nextUnit(): number {
    return this.#nextUnit;
  }

  /** Media time of a unit, in clock units since the track began. */
  rtpTimeOf(unit: number): number {
    return Math.floor((unit * this.content.clockRateHz) / this.content.unitsPerSecond);
  }

  /** Media time of this moment, in clock units since the track began. */
  rtpTimeNow(): number {
    const elapsedNs = Number(this.#clock.monoNs() - this.#startMonoNs);
    return Math.floor((elapsedNs / 1e9) * this.content.clockRateHz);
  }

  #dueMonoNs(unit: number): bigint {
    return this.#startMonoNs + (BigInt(unit) * 1_000_000_000n) / BigInt(this.content.unitsPerSecond);
  }

  #schedule(): void {
    const delayNs = this.#dueMonoNs(this.#nextUnit) - this.#clock.monoNs();
    this.#timer = this.#clock.after(Math.max(0, Number(delayNs) / 1e6), () => this.#play());
  }

  #play(): void {
    const lateNs = this.#clock.monoNs() - this.#dueMonoNs(this.#nextUnit);
    if (lateNs > mostDelayNs) this.#startMonoNs += lateNs;
    const index = this.#nextUnit;
    this.#nextUnit += 1;
    const payloads = this.content.unit(index);
    for (const listener of [...this.#listeners]) listener({ index, payloads });
    this.#schedule();
  }
}
