import { strict as assert } from 'node:assert';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../../image/program.ts';
import { installModules } from '../../../image/weir/modules.ts';
import { repository, Workspace } from '../../../image/workspace.ts';
import { createLabWorld } from '../../lab/lab-world.ts';
import { Operator } from '../../operator.ts';
import { FlashedDisk, Gateway, makeRoomForGateway } from '../gateway.ts';
import { makeOwnersPackage, ownersPackages, saying } from './owners-packages.ts';

/** Without acceleration, on a machine that has other things to do. */
const builtWithinMs = 1_800_000;
const startsWithinMs = 1_800_000;

describe('image: with the LGPL parts of its owner', function () {
  this.timeout(builtWithinMs + startsWithinMs);
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-replaced-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('is built by who has the key, and its gateway runs them', async () => {
    const modules = await installModules(new Workspace().cache);
    const replaced = ownersPackages.map((name) => `${name}=${makeOwnersPackage(name, modules, folder)}`);
    const out = join(folder, 'dist');
    const keys = join(repository, 'build', 'image-keys');
    await run(process.execPath, [
      join(repository, 'image', 'main.ts'),
      ...['--renew-if-drifted', '--keys', keys, '--out', out],
      ...replaced.flatMap((one) => ['--replace', one]),
    ]);
    const [image] = globSync('*.img.zst', { cwd: out });
    using disk = await FlashedDisk.flash(join(out, image ?? assert.fail('no image')));
    await using world = await createLabWorld();
    await makeRoomForGateway(world);
    await using gateway = await Gateway.start(world.box, disk);
    const seen = await new Operator(gateway.serial.stream, startsWithinMs).sees(/press Enter to begin/);
    for (const name of ownersPackages) assert.ok(seen.includes(saying(name)), seen.slice(-2000));
  });
});
