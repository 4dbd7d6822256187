import type { Condition, Slot, SlotState } from './slot-box.ts';

export const slots: readonly Slot[] = ['a', 'b'];
const conditions: readonly Condition[] = ['good', 'new', 'bad'];
const counts = [0, 1, 2, 3];

export const otherThan = (slot: Slot): Slot => (slot === 'a' ? 'b' : 'a');

/** Every state that can be written down: 2 primaries, 3 conditions and 4 counts of tries a slot. */
export const allStates: readonly SlotState[] = slots.flatMap((primary) =>
  conditions.flatMap((a) =>
    conditions.flatMap((b) =>
      counts.flatMap((aTries) =>
        counts.map((bTries) => ({
          primary,
          a: { condition: a, tries: aTries },
          b: { condition: b, tries: bTries },
        })),
      ),
    ),
  ),
);

/** What is to be booted from a state, and what is left then: the rule, apart from how GRUB is made to follow it. */
export function bootFrom(state: SlotState): { slot: Slot; state: SlotState } {
  const order = [state.primary, otherThan(state.primary)];
  const offered = (from: SlotState, wanted: readonly Condition[]) =>
    order.find((slot) => from[slot].tries > 0 && wanted.includes(from[slot].condition));
  const take = (from: SlotState, slot: Slot) => ({
    slot,
    state: { ...from, [slot]: { ...from[slot], tries: from[slot].tries - 1 } },
  });

  const first = offered(state, ['good', 'new']);
  if (first) return take(state, first);
  for (const wanted of conditions) {
    // What is bad is booted only where nothing else is there, and begins again only when it is used up.
    const left = wanted === 'bad' && offered(state, ['bad']);
    if (left) return take(state, left);
    const full = (slot: Slot) =>
      state[slot].condition === wanted ? { ...state[slot], tries: 3 } : state[slot];
    const refilled: SlotState = { ...state, a: full('a'), b: full('b') };
    const slot = offered(refilled, [wanted]);
    if (slot) return take(refilled, slot);
  }
  throw new Error('a slot is in no condition');
}
