import type { Closeable, Signal } from '#base';

/** Which button: by the name of its device, as the kernel has it, and the code of its key (input-event-codes.h). */
export interface ButtonMatch {
  /** None: whichever device is made of single buttons on the board, and of nothing that is plugged in. */
  readonly device: string | undefined;
  readonly key: number;
}

/** A button that is watched. */
export interface Button extends Closeable {
  /** The name of its device: `gpio-keys`. */
  readonly device: string;
  readonly key: number;
  /** It went down or up. One that is down when it is opened is told of when it goes up, which nobody waits for. */
  readonly moved: Signal<{ readonly down: boolean }>;
  /** The device is no more; the button is closed. */
  readonly gone: Signal<{ readonly why: string }>;
}

/** The buttons on the case. */
export interface Buttons {
  /** Watches the first button that fits; undefined when there is none. @throws {WeirError} MISSING_RIGHTS */
  open(match: ButtonMatch): Promise<Button | undefined>;
}
