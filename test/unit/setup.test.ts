import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isWeirError } from '#base';
import { type Addon, buildAddon, isStale } from '../../hal/setup/addons.ts';
import { installCommand, missingPackages } from '../../hal/setup/packages.ts';

const answering = (value: number) => `
#include <node_api.h>
#include "value.h"
NAPI_MODULE_INIT() { napi_value v; napi_create_int32(env, VALUE + ${value}, &v); return v; }
`;

describe('set-up', () => {
  let folder: string;
  let addon: Addon;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-setup-'));
    const sources = join(folder, 'native');
    addon = {
      name: 'answer',
      compiler: 'cc',
      flags: [],
      sources,
      extension: '.c',
      output: join(folder, 'build', 'answer.node'),
    };
    mkdirSync(sources);
    writeFileSync(join(sources, 'answer.c'), answering(40));
    writeFileSync(join(sources, 'value.h'), '#define VALUE 2\n');
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('builds an addon that this Node loads, and nothing is left beside it but its stamp', async () => {
    assert.equal(isStale(addon), true);
    await buildAddon(addon);
    assert.equal(isStale(addon), false);
    assert.equal(createRequire(import.meta.url)(addon.output), 42);
    assert.deepEqual(readdirSync(join(folder, 'build')).sort(), ['answer.node', 'answer.node.stamp']);
  });

  it('sees a changed source, a changed header, changed flags and a missing output', async () => {
    await buildAddon(addon);
    assert.equal(isStale({ ...addon, flags: ['-O1'] }), true);
    writeFileSync(join(addon.sources, 'value.h'), '#define VALUE 3\n');
    assert.equal(isStale(addon), true);
    writeFileSync(join(addon.sources, 'value.h'), '#define VALUE 2\n');
    assert.equal(isStale(addon), false);
    writeFileSync(join(addon.sources, 'answer.c'), answering(41));
    assert.equal(isStale(addon), true);
    writeFileSync(join(addon.sources, 'answer.c'), answering(40));
    rmSync(addon.output);
    assert.equal(isStale(addon), true);
  });

  it("says the compiler's first error in one line and keeps the output that stood", async () => {
    await buildAddon(addon);
    const before = readFileSync(addon.output);
    writeFileSync(join(addon.sources, 'answer.c'), 'int broken(void) { return nothing; }\nint b = also;\n');
    await assert.rejects(buildAddon(addon), (error) => {
      assert.ok(isWeirError(error, 'DATAPATH_NOT_BUILT'));
      assert.match(error.message, /^cc could not build answer: .*answer\.c:1:.*nothing/);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
    assert.deepEqual(readFileSync(addon.output), before);
    assert.equal(isStale(addon), true);
  });

  it('finds on a machine that passed the set-up everything to run Weir, and does not miss programs it has', () => {
    assert.deepEqual(missingPackages('run'), []);
    const needs = [
      { name: 'one', provides: ['sh'] },
      { name: 'two', provides: ['sh', 'weir-no-such-program'] },
      { name: 'three', provides: ['/usr/*/sh'] },
      { name: 'four', provides: ['/usr/*/weir-no-such-file'] },
      { name: 'five', provides: ['/weir-no-such-folder/*/a'] },
    ];
    const missing = missingPackages('run', needs);
    assert.deepEqual(
      missing.map((entry) => entry.name),
      ['two', 'four', 'five'],
    );
    assert.equal(
      installCommand(missing),
      'apt-get update && apt-get install -y --no-install-recommends two four five',
    );
  });
});
