import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { partitionOffset } from '../../../image/disk/layout.ts';
import { FlashedDisk } from '../../image/gateway.ts';
import { PowerCuts } from '../../image/power/recorded-disk.ts';
import { chooseCuts, requireDue, shownBy } from '../../image/update/moments.ts';
import type { Story } from '../../image/update/recording.ts';
import { WriteLog } from '../../power/write-log.ts';
import { randomOf } from '../../random.ts';
import { flush, logBytes, type Written } from '../power/log.ts';

const slots = partitionOffset('slots');
const elsewhere = partitionOffset('data');

/** Each write is of one sector, so that an entry of the log has 1,024 bytes, and a flush 512. */
const write = (at: number): Written => ({ sector: at / 512, sectors: 1, flags: 0, fill: 1 });

const story: Story = {
  deviceId: 'box',
  installing: 3000,
  activating: 6000,
  activated: 8000,
  healthy: 9000,
  end: 20_000,
  entries: [
    { loggedBytes: 2000, sequence: 1, hash: 'one' },
    { loggedBytes: 7000, sequence: 2, hash: 'two' },
  ],
};

describe('power cuts of an update', () => {
  it('are chosen in turns before it, while it is installed, at the first start, and where slots change', () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-update-cuts-'));
    const file = join(folder, 'writes.log');
    const here = [write(elsewhere), flush, write(elsewhere)];
    writeFileSync(file, logBytes([...here, ...here, write(slots), flush, ...here, write(slots)]));
    using log = new PowerCuts(FlashedDisk.in(folder), '', new WriteLog(file));
    const ends = [1, 3, 4, 6, 7, 9, 11, 12].map((position) => log.loggedBytesAt(position));
    rmSync(folder, { recursive: true });
    const [, second = 0, , fourth = 0] = ends;
    const cuts = chooseCuts(log, { ...story, installing: second, activating: fourth }, 40, randomOf(1));
    assert.deepEqual(
      [...new Set(cuts.map(({ moment }) => moment))],
      ['before', 'installing', 'first start', 'slot state'],
    );
    const at = (moment: string) =>
      new Set(cuts.filter((cut) => cut.moment === moment).map(({ position }) => position));
    assert.deepEqual(at('before'), new Set([1, 3]));
    assert.deepEqual(at('installing'), new Set([4, 6]));
    assert.deepEqual(at('first start'), new Set([7, 9, 11, 12]));
    assert.deepEqual(at('slot state'), new Set([7, 12]));
  });

  it('leave the version before until it is told otherwise, and the next one once that was said to be done', () => {
    for (const [loggedBytes, due] of [
      [0, ['a']],
      [6000, ['a']],
      [6001, ['a', 'b']],
      [7999, ['a', 'b']],
      [8000, ['b']],
      [12_000, ['b']],
    ] as const) {
      for (const slot of ['a', 'b'] as const) {
        const require = () => requireDue(slot, story, loggedBytes);
        if ((due as readonly string[]).includes(slot)) require();
        else assert.throws(require, `${slot} at ${loggedBytes}`);
      }
    }
  });

  it('leave what was shown of the ledger before, and nothing is asked for that was shown later', () => {
    assert.deepEqual(shownBy(story, 1999), []);
    assert.deepEqual(
      shownBy(story, 2000).map(({ hash }) => hash),
      ['one'],
    );
    assert.equal(shownBy(story, 12_000).length, 2);
  });
});
