import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { LockedPackage } from '../../../image/lock/package-lock.ts';
import { run } from '../../../image/program.ts';
import { extractPackages } from '../../../image/rootfs/extract.ts';
import { installPackages } from '../../../image/weir/appliance.ts';

describe('what the owner of a gateway puts in the place of a package', () => {
  let folder: string;
  const at = (...names: string[]) => join(folder, ...names);
  const write = (path: string, text: string) => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
  };
  const read = (...names: string[]) => readFileSync(at(...names), 'utf8');

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-replaced-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  async function deb(name: string): Promise<[LockedPackage, string]> {
    write(
      `${name}/DEBIAN/control`,
      `Package: ${name}\nVersion: 1\nArchitecture: all\nMaintainer: x\nDescription: x\n`,
    );
    write(`${name}/usr/lib/${name}`, 'of Debian');
    write(`${name}/usr/lib/only-${name}`, 'of Debian');
    await run('dpkg-deb', ['--build', '--root-owner-group', at(name), at(`${name}.deb`)]);
    const entry = { name, version: '1', architecture: 'all', use: 'rootfs', sha256: '', bytes: 0 } as const;
    return [entry, at(`${name}.deb`)];
  }

  it('is there instead of a Debian package, and nothing of that one is', async () => {
    const debs = new Map([await deb('one'), await deb('two')]);
    write('own/usr/lib/one', 'of the owner');
    const replaced = new Map([['one', at('own')]]);
    await extractPackages(debs, { uses: ['rootfs'], root: at('root'), replaced });
    assert.equal(read('root/usr/lib/one'), 'of the owner');
    assert.equal(existsSync(at('root/usr/lib/only-one')), false);
    assert.equal(read('root/usr/lib/two'), 'of Debian');
  });

  it('is there instead of an npm package, with what that needs as it was', async () => {
    for (const [name, dependencies] of [
      ['one', { two: '*' }],
      ['two', {}],
    ] as const) {
      write(`modules/${name}/package.json`, JSON.stringify({ dependencies }));
      write(`modules/${name}/lib/index.js`, 'of npm');
    }
    write('own/package.json', '{}');
    write('own/lib/index.js', 'of the owner');
    const replaced = new Map([['one', at('own')]]);
    await installPackages(['one'], { modules: at('modules'), folder: at('weir'), headers: '', replaced });
    assert.equal(read('weir/node_modules/one/lib/index.js'), 'of the owner');
    assert.equal(read('weir/node_modules/two/lib/index.js'), 'of npm');
  });

  it('has to be there', async () => {
    const debs = new Map([await deb('one')]);
    const replaced = new Map([['one', at('nothing')]]);
    const wanted = { uses: ['rootfs'], root: at('root'), replaced } as const;
    await assert.rejects(extractPackages(debs, wanted), {
      code: 'IMAGE_FAILED',
      message: /nothing, which was to be one/,
    });
  });
});
