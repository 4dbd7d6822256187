import { WeirError } from '#base';

export type SlotName = 'a' | 'b';

/** One of the two places a version can be in. */
export interface SlotStatus {
  readonly slot: SlotName;
  readonly running: boolean;
  /** Booted at the next start, as long as it has a try left. */
  readonly next: boolean;
  /** `good`: has been healthy. `new`: is to show that it is. `bad`: empty, half-written, or was not healthy. */
  readonly condition: 'good' | 'new' | 'bad';
  /** How often it is still started before it counts as not healthy. */
  readonly triesLeft: number;
  /** Null where it is not known: of what was flashed, only that of the running slot is. */
  readonly version: string | null;
  /** A whole version is in it. */
  readonly installed: boolean;
}

/** What is on the two slots of the box. */
export interface UpdateStatus {
  readonly compatible: string;
  readonly slots: readonly [SlotStatus, SlotStatus];
}

/** The answer of the box to `status`: `name=value` lines (image/libexec/verb-update). */
export function parseUpdateStatus(lines: readonly string[], runningVersion: string): UpdateStatus {
  const facts = new Map(lines.map((line) => line.split(/=(.*)/s, 2) as [string, string]));
  const slotOf = (slot: SlotName): SlotStatus => {
    const match = /^(good|new|bad):([0-3])$/.exec(facts.get(slot) ?? '');
    if (!match) throw new WeirError('UPDATE_FAILED', `the box does not say how slot ${slot} is`);
    const condition = match[1] as SlotStatus['condition'];
    const running = facts.get('running') === slot;
    const version = running ? runningVersion : facts.get(`${slot}.version`) || null;
    return {
      slot,
      running,
      next: facts.get('primary') === slot,
      condition,
      triesLeft: Number(match[2]),
      version,
      // What was flashed has no notes; it was healthy.
      installed: running || condition === 'good' || facts.get(`${slot}.installed`) === 'ok',
    };
  };
  return { compatible: facts.get('compatible') ?? '', slots: [slotOf('a'), slotOf('b')] };
}
