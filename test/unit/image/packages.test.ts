import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WeirError } from '#base';
import type { Archive } from '../../../image/lock/archive.ts';
import { fetchDebs, fetchDebsOrRenewed } from '../../../image/lock/debs.ts';
import {
  debName,
  type LockedPackage,
  lockChanges,
  lockFile,
  makeLock,
  readLock,
  writeLock,
} from '../../../image/lock/package-lock.ts';

const content = (name: string, version: string) => `${name} ${version}`;

function locked(name: string, version: string): LockedPackage {
  const text = content(name, version);
  const sha256 = createHash('sha256').update(text).digest('hex');
  return { name, version, architecture: 'arm64', use: 'rootfs', sha256, bytes: text.length };
}

/** An archive that has these versions, and tells what was asked of it. */
function archiveOf(...versions: readonly LockedPackage[]) {
  const fetched: string[] = [];
  const archive: Pick<Archive, 'offers' | 'download' | 'resolve'> = {
    resolve: async () => versions,
    offers: async (names) => versions.filter(({ name }) => names.includes(name)),
    download: async (packages, folder, nameOf) => {
      for (const entry of packages) {
        fetched.push(entry.name);
        writeFileSync(join(folder, nameOf(entry)), content(entry.name, entry.version));
      }
    },
  };
  return { fetched, openArchive: async () => archive };
}

const nobody = () => assert.fail('the network was touched');

describe('locked packages', () => {
  let folder: string;
  let cache: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-lock-'));
    cache = join(folder, 'cache');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const systemd = locked('systemd', '257.13-1');
  const kmod = locked('kmod', '1:34-2');
  const lock = makeLock([systemd, kmod]);

  it('come from the archive once, and from the cache from then on', async () => {
    const { fetched, openArchive } = archiveOf(systemd, kmod);
    const files = await fetchDebs(lock, { cache, kept: undefined, openArchive });
    assert.deepEqual(fetched.sort(), ['kmod', 'systemd']);
    assert.equal(readFileSync(files.get(lock.packages[0] ?? kmod) ?? '', 'utf8'), 'kmod 1:34-2');
    await fetchDebs(lock, { cache, kept: undefined, openArchive: nobody });
  });

  it('are fetched again when the cache has another file of that name', async () => {
    mkdirSync(cache);
    for (const entry of [systemd, kmod]) writeFileSync(join(cache, debName(entry)), 'half a file');
    const { fetched, openArchive } = archiveOf(systemd, kmod);
    await fetchDebs(lock, { cache, kept: undefined, openArchive });
    assert.equal(fetched.length, 2);
  });

  it('that the archive has no more are named, with what it has instead', async () => {
    const { fetched, openArchive } = archiveOf(systemd, locked('kmod', '1:34-3'));
    await assert.rejects(fetchDebs(lock, { cache, kept: undefined, openArchive }), (error: Error) => {
      assert.equal((error as { code?: string }).code, 'IMAGE_DRIFT');
      assert.match(error.message, /kmod 1:34-2 \(there: 1:34-3\)$/);
      return true;
    });
    assert.deepEqual(fetched, []);
  });

  it('that the archive has under the same version with other content are drift as well', async () => {
    const { openArchive } = archiveOf(systemd, { ...kmod, sha256: '0'.repeat(64) });
    await assert.rejects(fetchDebs(lock, { cache, kept: undefined, openArchive }), { code: 'IMAGE_DRIFT' });
  });

  it('come from a folder of kept packages when the archive has gone on', async () => {
    const kept = join(folder, 'kept');
    mkdirSync(kept);
    for (const entry of [systemd, kmod]) {
      writeFileSync(join(kept, debName(entry)), content(entry.name, entry.version));
    }
    const files = await fetchDebs(lock, { cache, kept, openArchive: nobody });
    assert.equal(files.size, 2);
  });

  it('have to be in a folder that is there, when one is named', async () => {
    const kept = join(folder, 'nothing');
    await assert.rejects(fetchDebs(lock, { cache, kept, openArchive: nobody }), {
      code: 'IMAGE_LOCK',
      message: /no folder .*nothing of kept packages/,
    });
  });

  it('give way to what the archive has now where that is wanted: for this build alone, and it is told of', async () => {
    const newer = locked('kmod', '1:34-3');
    const { openArchive } = archiveOf(systemd, newer, locked('libkmod2', '1:34-3'));
    const told: string[] = [];
    const sources = { cache, kept: undefined, openArchive };
    const files = await fetchDebsOrRenewed(lock, sources, (line) => told.push(line));
    assert.deepEqual(
      [...files.keys()].map(({ name, version }) => `${name} ${version}`),
      ['kmod 1:34-3', 'libkmod2 1:34-3', 'systemd 257.13-1'],
    );
    assert.match(told.shift() ?? '', /no more what is locked: kmod 1:34-2 \(there: 1:34-3\)/);
    assert.deepEqual(told, [
      'for this build alone: rootfs kmod: 1:34-2 -> 1:34-3',
      'for this build alone: rootfs libkmod2: none -> 1:34-3',
    ]);
  });

  it('are what is locked, and nothing is told, as long as the archive has that', async () => {
    const { openArchive } = archiveOf(systemd, kmod, locked('kmod', '1:34-3'));
    const files = await fetchDebsOrRenewed(lock, { cache, kept: undefined, openArchive }, (line) =>
      assert.fail(line),
    );
    assert.deepEqual([...files.keys()], lock.packages);
  });

  it('do not give way to anything where it is no drift that is wrong', async () => {
    const sources = {
      cache,
      kept: undefined,
      openArchive: async () => {
        throw new WeirError('IMAGE_LOCK', 'the archive cannot be reached');
      },
    };
    await assert.rejects(
      fetchDebsOrRenewed(lock, sources, (line) => assert.fail(line)),
      { code: 'IMAGE_LOCK' },
    );
  });

  it('are not taken from that folder when they are not what is locked', async () => {
    const kept = join(folder, 'kept');
    mkdirSync(kept);
    writeFileSync(join(kept, debName(kmod)), 'another build of it');
    await assert.rejects(fetchDebs(lock, { cache, kept, openArchive: nobody }), { code: 'IMAGE_DRIFT' });
  });
});

describe('the lock', () => {
  let file: string;
  beforeEach(() => {
    file = join(mkdtempSync(join(tmpdir(), 'weir-lock-')), 'lock.json');
  });
  afterEach(() => rmSync(join(file, '..'), { recursive: true }));

  it('of this checkout fits the packages that are asked for', () => {
    assert.ok(readLock().packages.length > 50);
  });

  it('is read as it was written', () => {
    const lock = makeLock([locked('systemd', '257'), locked('kmod', '34')]);
    writeLock(lock, file);
    assert.deepEqual(readLock(file), lock);
    assert.deepEqual(
      lock.packages.map(({ name }) => name),
      ['kmod', 'systemd'],
    );
  });

  it('is written as the formatter wants it: that of this checkout byte for byte as it is committed', () => {
    writeLock(readLock(), file);
    assert.equal(readFileSync(file, 'utf8'), readFileSync(lockFile, 'utf8'));
  });

  it('is refused when other packages are asked for than when it was made', () => {
    writeLock({ ...makeLock([]), wanted: { rootfs: ['emacs'], kernel: [], loader: [], initrd: [] } }, file);
    assert.throws(() => readLock(file), { code: 'IMAGE_LOCK', message: /another list of packages/ });
  });

  for (const [name, text] of [
    ['half a file', '{"suite":'],
    ['a hash that is none', JSON.stringify(makeLock([{ ...locked('kmod', '34'), sha256: 'abc' }]))],
    [
      'a name that leads out of its folder',
      JSON.stringify(makeLock([{ ...locked('kmod', '34'), name: '../x' }])),
    ],
  ] as const) {
    it(`is refused: ${name}`, () => {
      writeFileSync(file, text);
      assert.throws(() => readLock(file), { code: 'IMAGE_LOCK' });
    });
  }

  it('tells what a newer one changes', () => {
    const before = makeLock([locked('kmod', '34'), locked('dash', '1')]);
    const after = makeLock([locked('kmod', '35'), locked('udev', '257')]);
    assert.deepEqual(lockChanges(before, after), [
      'rootfs dash: 1 -> none',
      'rootfs kmod: 34 -> 35',
      'rootfs udev: none -> 257',
    ]);
  });
});
