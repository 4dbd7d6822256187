import type { Clock, Closeable } from '#base';
import type { Button } from '#hal';

type State = 'up' | 'pressed' | 'held' | 'armed' | 'stuck';
type Event = 'down' | 'up' | 'time';

/** The way of a button that is held; undefined: nothing changes. A button is let go to reset the box: one that is stuck never does. */
const table: Readonly<Record<State, Readonly<Record<Event, State | undefined>>>> = {
  up: { down: 'pressed', up: undefined, time: undefined },
  pressed: { down: undefined, up: 'up', time: 'held' },
  held: { down: undefined, up: 'up', time: 'armed' },
  armed: { down: undefined, up: 'up', time: 'stuck' },
  stuck: { down: undefined, up: 'up', time: undefined },
};

/** How long each state lasts while the button stays down. */
const lastsMs: Readonly<Partial<Record<State, number>>> = { pressed: 3000, held: 7000, armed: 10_000 };
const armedForSeconds = 10;

export interface ResetButtonListener {
  /** It was pressed and let go within three seconds. */
  readonly pressed: () => void;
  /** What who holds it shall read. */
  readonly announce: (text: string) => void;
  /** Whether letting it go resets the box now. */
  readonly armed: (armed: boolean) => void;
  /** It is down for longer than anybody holds it. */
  readonly stuck: (stuck: boolean) => void;
  /** The box is to forget its configuration. */
  readonly reset: () => void;
}

/**
 * What a person does with the reset button. A factory reset takes ten seconds of holding it and letting it go within ten more, which is
 * announced while there is time to decide otherwise: nobody does that by accident, and nothing that lies on it or is stuck does.
 */
export class ResetButton implements Closeable {
  readonly button: Button;
  readonly #listener: ResetButtonListener;
  readonly #clock: Clock;
  readonly #listenings: readonly Disposable[];
  #state: State = 'up';
  #timer: Disposable | undefined;

  constructor(options: { button: Button; listener: ResetButtonListener; clock: Clock }) {
    this.button = options.button;
    this.#listener = options.listener;
    this.#clock = options.clock;
    this.#listenings = [
      this.button.moved.on(({ down }) => this.#on(down ? 'down' : 'up')),
      // To pull a cable is not to let go.
      this.button.gone.on(() => this.#enter('up')),
    ];
  }

  #on(event: Event): void {
    const before = this.#state;
    const next = table[before][event];
    if (next === undefined) return;
    this.#enter(next);
    if (next === 'up') this.#letGo(before);
  }

  #enter(state: State): void {
    const before = this.#state;
    this.#state = state;
    this.#timer?.[Symbol.dispose]();
    const ms = lastsMs[state];
    this.#timer = ms === undefined ? undefined : this.#clock.after(ms, () => this.#on('time'));
    const { announce, armed, stuck } = this.#listener;
    if (before === 'armed') armed(false);
    if (before === 'stuck') stuck(false);
    if (state === 'held') {
      const left = (lastsMs.held ?? 0) / 1000;
      announce(`the reset button is held; in ${left} s letting it go resets the box to factory settings`);
    } else if (state === 'armed') {
      armed(true);
      announce(
        `let the reset button go within ${armedForSeconds} s, and the box forgets its configuration and starts again; records stay. Hold it on, and nothing happens`,
      );
    } else if (state === 'stuck') {
      stuck(true);
      announce('the reset button was held for too long: nothing happens');
    }
  }

  #letGo(before: State): void {
    const { pressed, announce, reset } = this.#listener;
    if (before === 'pressed') pressed();
    else if (before === 'held') announce('the reset button was let go early: nothing happens');
    else if (before === 'armed') {
      announce('the box is reset to factory settings and starts again');
      reset();
    }
  }

  async close(): Promise<void> {
    for (const listening of this.#listenings) listening[Symbol.dispose]();
    this.#enter('up');
    await this.button.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
