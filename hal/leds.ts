/** Ways an LED is lit that a person can tell from each other. */
export const ledPatterns = ['off', 'on', 'slow', 'fast', 'flash', 'double', 'flicker'] as const;
export type LedPattern = (typeof ledPatterns)[number];

/** The LEDs on the case. */
export interface Leds {
  /** Their names, as the kernel has them from the device tree: `green:status` (colour and function); none where there are none. */
  list(): Promise<readonly string[]>;
  /**
   * Lights an LED so until it is lit otherwise; the kernel does it, also when this process is busy.
   *
   * @throws {WeirError} NOT_AVAILABLE on a machine that was not flashed; VERB_FAILED when there is no such LED.
   */
  show(name: string, pattern: LedPattern): Promise<void>;
}
