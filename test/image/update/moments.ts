import { strict as assert } from 'node:assert';
import { slotPartitionBytes } from '../../../image/boot/slot-partition.ts';
import { partitionOffset } from '../../../image/disk/layout.ts';
import type { CutCount } from '../../power/volatile-disk.ts';
import type { Slot } from '../../unit/image/slot-box.ts';
import type { PowerCuts } from '../power/recorded-disk.ts';
import type { ShownEntry, Story } from './recording.ts';

/** When the power is cut. */
export interface Cut {
  readonly moment: string;
  /** After so many entries of the log. */
  readonly position: number;
}

const slotState = {
  from: partitionOffset('slots'),
  to: partitionOffset('slots') + slotPartitionBytes,
};

/** In turns: while the version before starts and works, while the next one is written, while that is started, while slots change. */
export function chooseCuts(
  power: PowerCuts,
  story: Story,
  cuts: number,
  random: () => number,
): readonly Cut[] {
  const { installing, activating, end } = story;
  const moments = [
    { moment: 'before', positions: power.positions({ from: 0, to: installing }) },
    { moment: 'installing', positions: power.positions({ from: installing, to: activating }) },
    { moment: 'first start', positions: power.positions({ from: activating, to: end }) },
    { moment: 'slot state', positions: power.positions({ from: 0, to: end }, slotState) },
  ];
  for (const { moment, positions } of moments) {
    assert.ok(positions.length > 0, `nothing was written without a flush behind it: ${moment}`);
  }
  return Array.from({ length: cuts }, (_, index) => {
    const { moment, positions } = moments[index % moments.length] as (typeof moments)[number];
    return { moment, position: positions[Math.floor(random() * positions.length)] as number };
  });
}

/** The version that was due is the one that is started: no other one than the operator was told of. */
export function requireDue(slot: Slot, { activating, activated }: Story, loggedBytes: number): void {
  if (loggedBytes <= activating) assert.equal(slot, 'a', 'it starts what nobody had told it to');
  if (loggedBytes >= activated) assert.equal(slot, 'b', 'it goes back, with a good version there');
}

/** What had been shown of the ledger by then. */
export const shownBy = ({ entries }: Story, loggedBytes: number): readonly ShownEntry[] =>
  entries.filter((entry) => entry.loggedBytes <= loggedBytes);

export const textOf = ({ loose, kept, lost, torn }: CutCount): string =>
  `${loose} writes loose, of them ${kept} kept, ${torn} torn, ${lost} lost`;

/** All of them together. */
export function sumOf(counts: readonly CutCount[]): string {
  const sum = (field: keyof CutCount) => counts.reduce((total, count) => total + count[field], 0);
  return `${sum('loose')} loose, ${sum('kept')} kept, ${sum('torn')} torn, ${sum('lost')} lost`;
}
