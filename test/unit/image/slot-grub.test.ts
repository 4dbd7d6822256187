import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { slotCopies } from '../../../image/boot/slot-partition.ts';
import { type GrubBoot, grubBoots, partitionWith, type Slot, SlotBox, type SlotState } from './slot-box.ts';
import { allStates, bootFrom, otherThan, slots } from './slot-model.ts';

const good3 = { condition: 'good', tries: 3 } as const;
const new3 = { condition: 'new', tries: 3 } as const;

describe('GRUB chooses a slot', function () {
  this.timeout(120_000);
  let flashed: Buffer;

  before(() => {
    using box = new SlotBox();
    flashed = box.read();
  });

  const bootsFrom = (state: SlotState, times: number, unloadable: Slot | '' = '') => {
    const partition = partitionWith(flashed, state);
    const [boots = []] = grubBoots([partition], { times, unloadable });
    return { boots: boots.map(({ slot }) => slot).join(''), partition };
  };

  it('as the rule says, from every state, six boots in a row without health', () => {
    const partitions = allStates.map((state) => partitionWith(flashed, state));
    const found: (readonly GrubBoot[])[] = [];
    for (let at = 0; at < partitions.length; at += 72) {
      found.push(...grubBoots(partitions.slice(at, at + 72), { times: 6 }));
    }
    allStates.forEach((state, index) => {
      const expected: GrubBoot[] = [];
      for (let now = state; expected.length < 6; ) {
        const next = bootFrom(now);
        expected.push({ slot: next.slot, tries: { a: next.state.a.tries, b: next.state.b.tries } });
        now = next.state;
      }
      assert.deepEqual(found[index], expected, JSON.stringify(state));
    });
  });

  for (const slot of slots) {
    it(`${slot}, newly activated, three times before it goes back: two power cuts are no failure`, () => {
      const state = { primary: slot, a: good3, b: good3, [slot]: new3 } as SlotState;
      assert.equal(bootsFrom(state, 4).boots, slot.repeat(3) + otherThan(slot));
    });

    it(`${slot}, the only good one, for ever`, () => {
      const state = { primary: slot, a: good3, b: good3, [otherThan(slot)]: { condition: 'bad', tries: 0 } };
      assert.equal(bootsFrom(state as SlotState, 9).boots, slot.repeat(9));
    });

    it(`${otherThan(slot)} at once when ${slot} cannot be loaded, and takes all tries off ${slot}`, () => {
      using box = new SlotBox();
      const { boots, partition } = bootsFrom({ primary: slot, a: good3, b: good3 }, 2, slot);
      assert.equal(boots, otherThan(slot).repeat(2));
      box.write(partition);
      assert.equal(box.state()[slot].tries, 0);
    });
  }

  it('that is healthy again and again, whatever state it comes from', () => {
    for (const state of allStates) {
      for (const healthy of slots) {
        const { condition } = state[healthy];
        const other = state[otherThan(healthy)].condition;
        // One that is bad, or never was healthy beside one that was, need not come.
        if (condition === 'bad' || (condition === 'new' && other === 'good')) continue;
        let now = state;
        const boots: Slot[] = [];
        for (let count = 0; count < 8; count += 1) {
          const next = bootFrom(now);
          boots.push(next.slot);
          now = next.state;
        }
        assert.ok(boots.includes(healthy), `${healthy} from ${JSON.stringify(state)}: ${boots.join('')}`);
      }
    }
  });

  it('by the other copy when one is destroyed, and heals a copy that is only older', () => {
    const now: SlotState = { primary: 'b', a: good3, b: new3 };
    for (const [index, { offset }] of slotCopies.entries()) {
      const torn = partitionWith(flashed, now).fill(0xff, offset, offset + 1024);
      const old = partitionWith(flashed, now);
      flashed.copy(old, offset, offset, offset + 1024);
      const [fromTorn, fromOld] = grubBoots([torn, old], { times: 1 });
      const expected = [{ slot: 'b', tries: { a: 3, b: 2 } }];
      assert.deepEqual(fromTorn, expected, `copy ${index} destroyed`);
      assert.deepEqual(fromOld, expected, `copy ${index} older`);
      const [first, second] = slotCopies.map((copy) => old.subarray(copy.offset, copy.offset + 1024));
      assert.ok(first && second?.equals(first));
    }
  });

  describe('when both copies are lost', () => {
    const lost: Readonly<Record<string, () => Buffer>> = {
      'are empty': () => {
        const bytes = Buffer.from(flashed);
        for (const { offset } of slotCopies) bytes.fill(0, offset, offset + 1024);
        return bytes;
      },
      'say what they cannot say': () => {
        const bytes = Buffer.from(flashed);
        for (const { offset } of slotCopies) {
          bytes.write('weir_primary=c', bytes.indexOf('weir_primary=', offset), 'latin1');
        }
        return bytes;
      },
      'are gone with their file system': () => Buffer.alloc(flashed.length, 0xff),
    };
    for (const [how, make] of Object.entries(lost)) {
      const boots = (unloadable: Slot | '', noted = true) => {
        const partition = make();
        const found = grubBoots([partition], { times: 5, unloadable, noted });
        assert.ok(partition.equals(make()), 'nothing is written that could be taken for a state');
        return (found[0] ?? []).map(({ slot }) => slot).join('');
      };

      it(`as they ${how}: by turns, so that one that hangs does not keep the other from being booted`, () => {
        assert.equal(boots(''), 'ababa');
      });

      it(`as they ${how}: the only one that can be loaded`, () => {
        assert.equal(boots('a'), 'bbbbb');
        assert.equal(boots('b'), 'aaaaa');
      });

      it(`as they ${how}, and there is no place for a note: the first one that can be loaded`, () => {
        assert.equal(boots('', false), 'aaaaa');
        assert.equal(boots('a', false), 'bbbbb');
      });
    }

    it('by turns, until one is healthy and says so', () => {
      using box = new SlotBox();
      const empty = lost['are empty']?.() as Buffer;
      for (const slot of slots) {
        box.write(empty);
        assert.equal(box.run(['mark-good'], slot).status, 0);
        assert.deepEqual(box.state(), { primary: slot, a: good3, b: good3 });
        const [boots = []] = grubBoots([box.read()], { times: 2 });
        assert.equal(boots.map((boot) => boot.slot).join(''), slot.repeat(2));
      }
    });
  });

  it('and writes within the first sector of a copy, wherever a cut tears it a whole state is left', () => {
    using box = new SlotBox();
    const state: SlotState = { primary: 'b', a: good3, b: new3 };
    const before = partitionWith(flashed, state);
    const after = Buffer.from(before);
    grubBoots([after], { times: 1 });
    const changed = [...after.keys()].filter((at) => after[at] !== before[at]);
    assert.equal(changed.length, slotCopies.length);
    for (const { offset } of slotCopies) assert.ok(changed.some((at) => at >= offset && at < offset + 512));
    // Two bytes in all: either of them, both or none may have come to the disk.
    for (const written of [[], [0], [1], [0, 1]]) {
      const torn = Buffer.from(before);
      for (const index of written) torn[changed[index] as number] = after[changed[index] as number] as number;
      box.write(torn);
      const { primary, a, b } = box.state();
      assert.deepEqual([primary, a, b.condition], ['b', good3, 'new']);
      assert.ok(b.tries === 3 || b.tries === 2);
    }
  });

  it('with a script that GRUB can read', () => {
    const config = join(import.meta.dirname, '..', '..', '..', 'image', 'boot', 'grub.cfg');
    execFileSync('grub-script-check', [config], { stdio: 'pipe' });
  });
});
