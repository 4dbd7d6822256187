import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseOptions } from '../../../image/options.ts';
import { serviceAccounts } from '../../../image/rootfs/accounts.ts';
import { neededLibraries } from '../../../image/rootfs/libraries.ts';
import { lockedModules } from '../../../image/sbom/modules.ts';
import { spdxDocument } from '../../../image/sbom/spdx.ts';
import { packageTree } from '../../../image/weir/package-tree.ts';

describe('the accounts of services', () => {
  it('have a name and a number each that no other has', () => {
    const names = serviceAccounts.map(({ name }) => name);
    const ids = serviceAccounts.map(({ id }) => id);
    assert.equal(new Set(names).size, serviceAccounts.length);
    assert.equal(new Set(ids).size, serviceAccounts.length);
  });
});

describe('what a program needs', () => {
  it('is read from its dynamic section (System V ABI, chapter 5)', () => {
    const needed = neededLibraries(readFileSync(process.execPath));
    assert.ok(needed?.includes('libc.so.6'), String(needed));
    assert.ok(
      needed?.every((name) => /^[\w.+-]+\.so(\.\d+)*$/.test(name)),
      String(needed),
    );
  });

  it('is nothing for what is no program', () => {
    assert.equal(neededLibraries(Buffer.from('#!/bin/sh\n'.repeat(10))), undefined);
  });
});

describe('packages and what they need', () => {
  let modules: string;
  beforeEach(() => {
    modules = mkdtempSync(join(tmpdir(), 'weir-modules-'));
  });
  afterEach(() => rmSync(modules, { recursive: true }));

  function add(path: string, ...needs: readonly string[]): void {
    const file = join(modules, path, 'package.json');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(
      file,
      JSON.stringify({ dependencies: Object.fromEntries(needs.map((name) => [name, '*'])) }),
    );
  }

  it('are found as Node finds them: an own version before the shared one', () => {
    add('a', 'b', '@x/c');
    add('a/node_modules/b', 'd');
    add('b');
    add('@x/c', 'b');
    add('d', 'a');
    assert.deepEqual(packageTree(['a'], modules), ['@x/c', 'a', 'a/node_modules/b', 'b', 'd']);
  });

  it('are named when one is missing', () => {
    add('a', 'b');
    assert.throws(() => packageTree(['a'], modules), { code: 'IMAGE_FAILED', message: /^b, which a needs/ });
  });
});

describe('the list of parts (SPDX 2.3)', () => {
  const facts = {
    version: '1.2.3',
    commit: 'abc',
    timeSeconds: 1_700_000_000,
    debianSuite: 'trixie',
    replaced: new Set<string>(),
  };
  const deb = {
    name: 'libstdc++6',
    version: '1:14-2',
    architecture: 'arm64',
    use: 'rootfs',
    sha256: 'ab'.repeat(32),
    bytes: 1,
  } as const;

  it('has an identifier of its own for each part, and says where it belongs', () => {
    const modules = lockedModules(['mqtt', 'node-netlink']);
    const document = spdxDocument(facts, [deb], modules) as {
      packages: { SPDXID: string; licenseDeclared: string; name: string }[];
      relationships: unknown[];
    };
    const ids = document.packages.map(({ SPDXID }) => SPDXID);
    assert.equal(new Set(ids).size, 4);
    for (const id of ids) assert.match(id, /^SPDXRef-[A-Za-z0-9.-]+$/);
    assert.equal(document.relationships.length, 4);
    assert.equal(
      document.packages.find(({ name }) => name === 'node-netlink')?.licenseDeclared,
      'LGPL-2.1-only',
    );
  });

  it('claims nothing of what was put in the place of a package but its name', () => {
    const document = spdxDocument({ ...facts, replaced: new Set(['libstdc++6']) }, [deb], []) as {
      packages: { name: string; versionInfo: string; checksums?: unknown; externalRefs?: unknown }[];
    };
    const { versionInfo, checksums, externalRefs } =
      document.packages.find(({ name }) => name === deb.name) ?? {};
    assert.deepEqual([versionInfo, checksums, externalRefs], ['NOASSERTION', undefined, undefined]);
  });

  it('is the same for the same parts, whenever it is made', () => {
    const document = () => JSON.stringify(spdxDocument(facts, [deb], []));
    assert.equal(document(), document());
    assert.match(document(), /"created":"2023-11-14T22:13:20Z"/);
  });
});

describe('the options of a build', () => {
  it('name folders in the place of packages', () => {
    const { replaced } = parseOptions(['--replace', 'node-netlink=/a=b', '--replace', 'kmod=/c']);
    assert.deepEqual(
      [...replaced],
      [
        ['node-netlink', '/a=b'],
        ['kmod', '/c'],
      ],
    );
  });

  for (const args of [['--replace', 'kmod'], ['--version', 'next'], ['--nonsense'], ['file']]) {
    it(`are refused: ${args.join(' ')}`, () => assert.throws(() => parseOptions(args), { code: 'USAGE' }));
  }
});
