import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLabWorld } from './lab-world.ts';
import { Weir } from './weir.ts';

const program = '/usr/sbin/nft';

describe('lab: a daemon that cannot end in order', function () {
  this.timeout(90_000);

  it('ends all the same after ten seconds, and the next one finds its records whole', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-hard-end-'));
    const dataDir = join(folder, 'data');
    const [real, wrapper, stuck] = ['nft', 'wrapper', 'stuck'].map((name) => join(folder, name));
    assert.ok(real && wrapper && stuck);
    copyFileSync(program, real);
    writeFileSync(wrapper, `#!/bin/sh\n[ -e ${stuck} ] && exec sleep 60\nexec ${real} "$@"\n`, {
      mode: 0o755,
    });
    // In the mount namespace of the tests, where nobody else sees it.
    execFileSync('mount', ['--bind', wrapper, program]);
    try {
      await using world = await createLabWorld();
      {
        await using weir = await Weir.start(world, { dataDir });
        writeFileSync(stuck, '');
        weir.program.signal('SIGTERM');
        await weir.program.ended(40_000);
      }
      rmSync(stuck);
      await using next = await Weir.start(world, { dataDir });
      const { alarms } = await next.show();
      assert.deepEqual(
        alarms.filter(({ name }) => name.startsWith('storage.')),
        [],
      );
    } finally {
      execFileSync('umount', [program]);
      rmSync(folder, { recursive: true });
    }
  });
});
