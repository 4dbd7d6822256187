import type { Clock } from '#base';

/** As native/reorder-window.h: so many are held behind a gap, and for so long. */
const maxHeld = 16;
const longestMs = 30;
/** Further behind the newest no late packet is told from a second one. */
const remembered = 1024;

interface Held {
  readonly atMonoNs: bigint;
  readonly pass: (lostBefore: number) => void;
}

/** Puts the packets of a source that come by UDP back into their order, a gap waited for as the engine does. */
export class SimReorder {
  readonly #clock: Clock;
  readonly #held = new Map<number, Held>();
  readonly #came = new Set<number>();
  #next: number | undefined;
  #newest = 0;
  #timer: Disposable | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Calls `pass` when it is the packet's turn, with the number of those before it that were given up. Without `waits` a
   * gap is given up at once.
   */
  take(seq: number, waits: boolean, pass: Held['pass']): 'next' | 'reordered' | 'late' | 'duplicate' {
    this.#next ??= this.#newest = seq;
    const at = this.#newest + (((seq - this.#newest) << 16) >> 16);
    if (this.#came.has(at)) return 'duplicate';
    this.#came.add(at);
    this.#came.delete(at - remembered);
    if (at < this.#next) return 'late';
    const overtaken = at < this.#newest;
    this.#newest = Math.max(this.#newest, at);
    this.#held.set(at, { pass, atMonoNs: this.#clock.monoNs() });
    this.#passOn();
    if (this.#held.size > (waits ? maxHeld : 0)) this.#giveUp();
    this.#watch();
    return overtaken ? 'reordered' : 'next';
  }

  giveUpAll(): void {
    while (this.#held.size > 0) this.#giveUp();
    this.#watch();
  }

  /** What comes next is the first packet of another source. */
  restart(): void {
    this.giveUpAll();
    this.#came.clear();
    this.#next = undefined;
  }

  /** Nothing is passed on any more. */
  stop(): void {
    this.#held.clear();
    this.#watch();
  }

  #passOn(lostBefore = 0): void {
    let lost = lostBefore;
    for (let held = this.#take(); held; held = this.#take()) {
      held.pass(lost);
      lost = 0;
    }
  }

  #take(): Held | undefined {
    if (this.#next === undefined) return undefined;
    const held = this.#held.get(this.#next);
    if (held) this.#held.delete(this.#next++);
    return held;
  }

  #giveUp(): void {
    const first = Math.min(...this.#held.keys());
    const lost = first - (this.#next ?? first);
    this.#next = first;
    this.#passOn(lost);
  }

  #watch(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    const arrivals = [...this.#held.values()].map(({ atMonoNs }) => atMonoNs);
    const [first] = arrivals.toSorted((a, b) => Number(a - b));
    if (first === undefined) return;
    const waitedMs = Number(this.#clock.monoNs() - first) / 1e6;
    if (waitedMs >= longestMs) {
      this.#giveUp();
      this.#watch();
    } else this.#timer = this.#clock.after(Math.ceil(longestMs - waitedMs), () => this.#watch());
  }
}
