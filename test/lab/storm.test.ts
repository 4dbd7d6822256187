import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { insideSandbox } from '../../src/demo/world/index.ts';
import type { Report } from '../bench/report.ts';
import type { StormResult } from '../storm/storm.ts';

const script = fileURLToPath(new URL('../storm/main.ts', import.meta.url));

describe('lab: a short storm', function () {
  this.timeout(300_000);
  before(function () {
    if (!insideSandbox()) this.skip(); // `npm test` runs these inside
  });

  it('loses, doubles and changes no record, though Weir is killed a dozen times and its receivers come and go', async () => {
    const args = ['--kills', '12', '--check-every', '12', '--viewers', '20', '--json'];
    const { stdout } = await promisify(execFile)(process.execPath, [script, ...args]);
    const report: Report = JSON.parse(stdout);
    const [result] = report.figures as readonly StormResult[];
    assert.ok(result);
    assert.equal(result.kills, 12);
    assert.ok(result.sessions > 100, `${result.sessions} viewers got media`);
    assert.ok(result.recovered > 12, `${result.recovered} sessions were cut off and recovered`);
    assert.ok(result.absences > 0);
    assert.equal(result.radiusRows, result.records);
  });
});
