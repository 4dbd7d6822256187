import assert from 'node:assert/strict';
import { slotCopies } from '../../../image/boot/slot-partition.ts';
import { randomOf } from '../../random.ts';
import { grubBoots, partitionWith, type Slot, SlotBox, type SlotState } from './slot-box.ts';
import { allStates, bootFrom, otherThan, slots } from './slot-model.ts';

const full = (condition: 'good' | 'new') => ({ condition, tries: 3 });
const bad = { condition: 'bad', tries: 0 } as const;

describe('slot state', function () {
  this.timeout(120_000);
  let box: SlotBox;

  beforeEach(() => {
    box = new SlotBox();
  });

  afterEach(() => box[Symbol.dispose]());

  const run = (words: string, running?: Slot) => {
    const { status, text } = box.run(words.split(' '), running);
    assert.equal(status, 0, text);
    return text;
  };

  describe('as RAUC asks for it', () => {
    it('is as flashed: the first slot is good and booted, the second is empty', () => {
      assert.deepEqual(box.state(), { primary: 'a', a: full('good'), b: bad });
      assert.deepEqual(
        [run('get-primary'), run('get-state a'), run('get-state b'), run('get-current', 'a')],
        ['a', 'good', 'bad', 'a'],
      );
    });

    it('has three new tries for a slot that is made the primary one, and goes on calling a good one good', () => {
      run('set-primary b');
      assert.deepEqual(box.state(), { primary: 'b', a: full('good'), b: full('new') });
      assert.equal(run('get-state b'), 'good');
      run('set-primary a');
      assert.deepEqual(box.state(), { primary: 'a', a: full('good'), b: full('new') });
    });

    it('never leaves a slot that is being overwritten the primary one', () => {
      run('set-primary b');
      run('set-state b bad');
      assert.deepEqual(box.state(), { primary: 'a', a: full('good'), b: bad });
    });

    it('refuses what it does not know, with a line that says so, and changes nothing', () => {
      const before = box.read();
      for (const words of [
        [],
        ['set-primary', 'c'],
        ['set-state', 'a', 'ugly'],
        ['get-state'],
        ['boot', 'a'],
      ]) {
        const { status, text } = box.run(words);
        assert.equal(status, 1, words.join(' '));
        assert.match(text, /^slot-state: /);
      }
      assert.deepEqual(box.read(), before);
    });

    it('does not guess which slot runs when the kernel was not told', () => {
      const { status, text } = box.run(['mark-good']);
      assert.deepEqual([status, text], [1, 'slot-state: not started from a slot']);
    });
  });

  describe('when a system is healthy', () => {
    it('is good, with all its tries', () => {
      box.put({ primary: 'b', a: full('good'), b: { condition: 'new', tries: 1 } });
      run('mark-good', 'b');
      assert.deepEqual(box.state(), { primary: 'b', a: full('good'), b: full('good') });
    });

    it('that was fallen back to: the other slot is bad, and this one stays', () => {
      box.put({ primary: 'b', a: { condition: 'good', tries: 2 }, b: { condition: 'new', tries: 0 } });
      run('mark-good', 'a');
      assert.deepEqual(box.state(), { primary: 'a', a: full('good'), b: bad });
    });

    it('keeps an activation that waits for its first boot', () => {
      run('set-primary b');
      run('mark-good', 'a');
      assert.deepEqual(box.state(), { primary: 'b', a: full('good'), b: full('new') });
    });

    it('is written only when something changes', () => {
      const before = box.read();
      run('mark-good', 'a');
      assert.deepEqual(box.read(), before);
    });
  });

  describe('when a system works, but not with what the box keeps', () => {
    it('has all its tries back where it was healthy once, and nothing else changes', () => {
      const b = { condition: 'new', tries: 2 } as const;
      box.put({ primary: 'b', a: { condition: 'good', tries: 1 }, b });
      run('mark-working', 'a');
      assert.deepEqual(box.state(), { primary: 'b', a: full('good'), b });
    });

    it('is written only when something changes', () => {
      const before = box.read();
      run('mark-working', 'a');
      assert.deepEqual(box.read(), before);
    });

    it('has still to show that it can use what it found where it is new', () => {
      const state = { primary: 'b', a: full('good'), b: { condition: 'new', tries: 1 } } as const;
      box.put(state);
      run('mark-working', 'b');
      assert.deepEqual(box.state(), state);
    });

    it('is booted again and again, however often the box is started: no other version takes its place', () => {
      box.put({ primary: 'b', a: full('good'), b: full('good') });
      for (let start = 0; start < 8; start += 1) {
        const bytes = box.read();
        assert.deepEqual(
          grubBoots([bytes], { times: 1 }).map((boots) => boots.map(({ slot }) => slot)),
          [['b']],
        );
        box.write(bytes);
        run('mark-working', 'b');
      }
      assert.deepEqual(box.state(), { primary: 'b', a: full('good'), b: full('good') });
    });
  });

  describe('when a new system does not get healthy', () => {
    it('goes back to the good slot for good', () => {
      box.put({ primary: 'b', a: { condition: 'good', tries: 1 }, b: { condition: 'new', tries: 2 } });
      run('give-up', 'b');
      assert.deepEqual(box.state(), { primary: 'a', a: full('good'), b: bad });
    });

    it('does not give up a slot that was healthy once, nor one without another to go to', () => {
      for (const state of [
        { primary: 'b', a: full('good'), b: { condition: 'good', tries: 2 } },
        { primary: 'b', a: bad, b: { condition: 'new', tries: 2 } },
      ] as const) {
        box.put(state);
        assert.equal(box.run(['give-up'], 'b').status, 1);
        assert.deepEqual(box.state(), state);
      }
    });
  });

  describe('after damage', () => {
    it('is read from the other copy, and both are whole again after the next write', () => {
      for (const { offset } of slotCopies) {
        run('set-primary b');
        box.write(box.read().fill(0xff, offset, offset + 1024));
        assert.deepEqual(box.state(), { primary: 'b', a: full('good'), b: full('new') });
        run('mark-good', 'b');
        const [first, second] = slotCopies.map((copy) =>
          box.read().subarray(copy.offset, copy.offset + 1024),
        );
        assert.ok(first && second?.equals(first));
        run('set-state b bad');
      }
    });

    it('does not count where a single byte of what is said was changed', () => {
      const [copy] = slotCopies;
      run('set-primary b'); // The first copy alone says so then.
      const whole = box.read();
      const old = new SlotBox();
      old.read().copy(whole, slotCopies[1].offset, slotCopies[1].offset, slotCopies[1].offset + 1024);
      old[Symbol.dispose]();
      const end = whole.indexOf('#####', copy.offset);
      const triesLine = /_tries=\d/;
      for (let at = copy.offset; at < end - 1; at += 1) {
        const line = whole.subarray(whole.lastIndexOf('\n', at - 1) + 1, whole.indexOf('\n', at));
        // GRUB changes these and cannot reckon a checksum: any of their four values is possible.
        if (triesLine.test(line.toString()) && whole[at + 1] === 0x0a) continue;
        const changed = Buffer.from(whole);
        changed[at] = (changed[at] as number) ^ 0x01;
        box.write(changed);
        assert.equal(box.state().primary, 'a', `byte ${at - copy.offset}`);
      }
    });
  });

  describe('when the power goes while it is written', () => {
    /** The partition as it may be after a cut at each byte of each of the two writes of `words`. */
    function* tornWrites(words: string, running: Slot): Generator<Buffer> {
      const before = box.read();
      run(words, running);
      const after = box.read();
      // The copy that counts is written last; both count here, so that is the first one.
      const now = Buffer.from(before);
      for (const { offset } of [...slotCopies].reverse()) {
        for (let length = 0; length < 1024; length += 1) {
          if (before[offset + length] === after[offset + length]) continue;
          after.copy(now, offset, offset, offset + length);
          yield Buffer.from(now);
        }
        after.copy(now, offset, offset, offset + 1024);
        yield Buffer.from(now);
      }
    }

    it('says what it said before or what it was to say, to the program and to GRUB alike', () => {
      for (const [words, running] of [
        ['set-primary b', 'a'],
        ['mark-good', 'b'],
      ] as const) {
        const before = box.state();
        const torn = [...tornWrites(words, running)];
        const after = box.state();
        assert.ok(torn.length > 4);
        const boots = grubBoots(
          torn.map((bytes) => Buffer.from(bytes)),
          { times: 1 },
        );
        torn.forEach((bytes, index) => {
          box.write(bytes);
          const state = box.state();
          assert.ok(
            [before, after].some((whole) => JSON.stringify(whole) === JSON.stringify(state)),
            `${words}, cut ${index}: ${JSON.stringify(state)}`,
          );
          const expected = bootFrom(state);
          const { a, b } = expected.state;
          const grub = { slot: expected.slot, tries: { a: a.tries, b: b.tries } };
          assert.deepEqual(boots[index], [grub], `${words}, cut ${index}`);
        });
      }
    });

    it('GRUB has taken one or two tries, and the next write counts on both copies', () => {
      for (const { offset } of slotCopies) {
        const bytes = partitionWith(box.read(), {
          primary: 'b',
          a: full('good'),
          b: full('new'),
        } as SlotState);
        const line = bytes.indexOf('weir_b_tries=3', offset);
        bytes.write('weir_b_tries=2', line, 'latin1');
        box.write(bytes);
        run('mark-good', 'b');
        assert.deepEqual(box.state(), { primary: 'b', a: full('good'), b: full('good') });
      }
    });
  });

  it('ends on a healthy slot after any sequence of updates, cuts and boots', () => {
    for (let seed = 1; seed <= 2; seed += 1) {
      const random = randomOf(seed);
      const healthy = { a: true, b: false };
      let running: Slot = 'a';
      box.put({ primary: 'a', a: full('good'), b: bad } as SlotState);
      for (let step = 0; step < 10; step += 1) {
        if (random() < 0.5) {
          const target = otherThan(running);
          run(`set-state ${target} bad`, running);
          healthy[target] = random() < 0.5;
          if (random() < 0.8) run(`set-primary ${target}`, running);
        }
        const cuts = Math.floor(random() * 6);
        const bytes = box.read();
        const boots = grubBoots([bytes], { times: cuts + 8 })[0] ?? [];
        // Those that the power cut short, then the first that may get healthy; only as many have happened.
        const came = boots.findIndex(({ slot }, index) => index >= cuts && healthy[slot]);
        assert.ok(came >= 0, `seed ${seed}, step ${step}: ${boots.map(({ slot }) => slot).join('')}`);
        const happened = box.read();
        grubBoots([happened], { times: came + 1 });
        box.write(happened);
        running = (boots[came] as { slot: Slot }).slot;
        run('mark-good', running);
        const state = box.state();
        assert.deepEqual(
          [state.primary, state[running]],
          [running, full('good')],
          `seed ${seed}, step ${step}`,
        );
      }
    }
  });

  it('is one of those that can be written down, and each of them is read as it was written', () => {
    for (const state of allStates.filter((_, index) => index % 24 === 0)) {
      box.put(state);
      assert.deepEqual(box.state(), state);
      for (const slot of slots) {
        assert.equal(run(`get-state ${slot}`), state[slot].condition === 'bad' ? 'bad' : 'good');
      }
    }
  });
});
