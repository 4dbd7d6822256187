import assert from 'node:assert/strict';
import { BootClock } from '../../../src/billing/boot-clock.ts';
import { HandClock } from '../session/scripted.ts';

const second = 1_000_000_000n;

describe("the wall clock of a box's boot", () => {
  let clock: HandClock;
  let synchronised: boolean;
  let boot: BootClock;
  beforeEach(() => {
    clock = new HandClock();
    clock.setAheadMs = 5_000_000;
    synchronised = false;
    boot = new BootClock(clock, () => synchronised);
  });

  it('goes on from what it showed at first while it is not synchronised, whatever it is set to', async () => {
    const moment = clock.monoNs() + 7n * second;
    const before = boot.wallTimeOf(moment);
    clock.setAheadMs += 86_400_000;
    assert.deepEqual(boot.wallTimeOf(moment), before);
    assert.deepEqual(before, { at: 5_008_000, trusted: false });
  });

  it('knows by how much all that was told before is wrong, once it is synchronised', async () => {
    await clock.pass(10_000);
    const moment = clock.monoNs();
    const told = boot.wallTimeOf(moment).at;
    await clock.pass(30_000);
    clock.setAheadMs += 1_000_000_000;
    synchronised = true;
    assert.equal(boot.trusted, true);
    assert.equal(boot.offsetMs(), 1_000_000_000);
    assert.deepEqual(boot.wallTimeOf(moment), { at: told + boot.offsetMs(), trusted: true });
  });

  it('is trusted from then on, also while its server is away', () => {
    synchronised = true;
    assert.equal(boot.trusted, true);
    synchronised = false;
    assert.equal(boot.trusted, true);
  });
});
