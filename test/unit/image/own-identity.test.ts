import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeDataPartition, writePartitionTable } from '../../../image/disk/disk.ts';
import { dataUuid, diskBytes, diskUuid, imageIdentity, partitions } from '../../../image/disk/layout.ts';

const program = join(import.meta.dirname, '..', '..', '..', 'image', 'libexec', 'own-identity');
const sectorBytes = 512;
/** Of the 1,024 bytes of the first superblock of ext4. */
const superblockAt = 1024;
/** Of data, with that superblock. */
const startBytes = 1 << 20;
/** The header of a partition table and what it heads, with room (UEFI 2.10 s.5.3). */
const tableBytes = 64 * sectorBytes;
const path = `${process.env.PATH}:/usr/sbin:/sbin`;

function read(file: string, at: number, bytes = tableBytes): Buffer {
  const descriptor = openSync(file, 'r');
  const buffer = Buffer.alloc(bytes);
  readSync(descriptor, buffer, 0, bytes, at);
  closeSync(descriptor);
  return buffer;
}

function write(file: string, at: number, bytes: Buffer): void {
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, bytes, 0, bytes.length, at);
  closeSync(descriptor);
}

describe('the identifiers of a box', function () {
  this.timeout(120_000);
  let folder: string;
  let disk: string;
  let data: string;
  let flashedDisk: Buffer;
  let flashedData: Buffer;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weir-identity-'));
    disk = join(folder, 'disk.img');
    data = join(folder, 'data.img');
    await writePartitionTable(disk);
    await writeDataPartition(data, 1_700_000_000);
    flashedDisk = readTables();
    flashedData = read(data, 0, startBytes);
  });
  after(() => rmSync(folder, { recursive: true }));

  beforeEach(() => {
    putTables(flashedDisk);
    write(data, 0, flashedData);
  });

  /** Both partition tables, which is all of the disk that is not empty here. */
  const readTables = () => Buffer.concat([read(disk, 0), read(disk, diskBytes - tableBytes)]);
  const putTables = (both: Buffer) => {
    write(disk, 0, both.subarray(0, tableBytes));
    write(disk, diskBytes - tableBytes, both.subarray(tableBytes));
  };
  const tool = (name: string, ...args: readonly string[]) =>
    spawnSync(name, args, { encoding: 'utf8', env: { ...process.env, PATH: path } });
  const takeIdentity = (programs = path) =>
    spawnSync('dash', [program, disk, data], { encoding: 'utf8', env: { PATH: programs } });
  /** As the initrd does it before. */
  const check = () => {
    const status = tool('e2fsck', '-p', data).status ?? 8;
    if (status >= 4) tool('e2fsck', '-fy', data);
  };

  function identifiers(): { disk: string; partitions: readonly string[]; data: string; places: string } {
    const dump = tool('sfdisk', '--dump', disk).stdout;
    return {
      disk: /^label-id: (\S+)$/m.exec(dump)?.[1] ?? assert.fail(dump),
      partitions: [...dump.matchAll(/uuid=([0-9A-F-]{36})/g)].map(([, uuid = '']) => uuid),
      data: /UUID:\s+(\S+)/.exec(tool('dumpe2fs', '-h', data).stdout)?.[1] ?? '',
      places: dump.replace(/(label-id: |uuid=)[0-9A-F-]{36}/g, ''),
    };
  }

  function assertOwn(): void {
    const now = identifiers();
    const all = [now.disk, ...now.partitions, now.data];
    assert.equal(new Set(all).size, partitions.length + 2);
    for (const one of all) assert.ok(!one.toUpperCase().startsWith(imageIdentity), one);
    assert.equal(tool('sgdisk', '-v', disk).status, 0);
    const checked = tool('e2fsck', '-fn', data);
    assert.equal(checked.status, 0, checked.stdout);
  }

  it('are those of the image when it is flashed, its own after the first start, and stay', () => {
    const flashed = identifiers();
    assert.deepEqual([flashed.disk, flashed.data], [diskUuid, dataUuid]);
    assert.equal(takeIdentity().status, 0);
    assertOwn();
    const own = identifiers();
    assert.equal(own.places, flashed.places);
    assert.equal(takeIdentity().status, 0);
    assert.deepEqual(identifiers(), own);
  });

  it('are not those of another box with the same image', () => {
    takeIdentity();
    const one = identifiers();
    putTables(flashedDisk);
    write(data, 0, flashedData);
    takeIdentity();
    const other = identifiers();
    assert.notEqual(one.disk, other.disk);
    assert.notEqual(one.data, other.data);
    for (const uuid of one.partitions) assert.ok(!other.partitions.includes(uuid));
  });

  it('are all its own after the start that follows a power cut before or after any of the writes', () => {
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    // Counts what is called to write; ends the script instead of, or after, the call that is named.
    for (const name of ['sfdisk', 'tune2fs']) {
      const real = tool('sh', '-c', `command -v ${name}`).stdout.trim();
      writeFileSync(
        join(bin, name),
        [
          '#!/bin/sh',
          `case "$*" in *--dump*) exec ${real} "$@" ;; esac`,
          `echo call >>${folder}/calls`,
          `read -r at when <${folder}/cut`,
          `[ "$(wc -l <${folder}/calls)" = "$at" ] || exec ${real} "$@"`,
          `[ "$when" = before ] || ${real} "$@"`,
          'kill -9 $PPID',
          '',
        ].join('\n'),
      );
      chmodSync(join(bin, name), 0o755);
    }
    const writes = partitions.length + 2;
    for (let cut = 1; cut <= writes; cut += 1) {
      for (const when of ['before', 'after']) {
        putTables(flashedDisk);
        write(data, 0, flashedData);
        writeFileSync(join(folder, 'calls'), '');
        writeFileSync(join(folder, 'cut'), `${cut} ${when}\n`);
        assert.equal(takeIdentity(`${bin}:${path}`).signal, 'SIGKILL', `${cut} ${when}`);
        check();
        assert.equal(takeIdentity().status, 0);
        assertOwn();
      }
    }
  });

  it('are all its own after a cut in the middle of a write of the partition tables', () => {
    takeIdentity();
    const after = readTables();
    const changed = Array.from({ length: after.length / sectorBytes }, (_, sector) => sector).filter(
      (sector) => {
        const [from, to] = [sector * sectorBytes, (sector + 1) * sectorBytes];
        return !after.subarray(from, to).equals(flashedDisk.subarray(from, to));
      },
    );
    assert.ok(changed.length >= 6, String(changed));
    // Whichever of the two tables is written first: the other one is whole meanwhile.
    const first = changed.filter((sector) => sector < tableBytes / sectorBytes);
    const second = changed.filter((sector) => !first.includes(sector));
    for (const order of [changed, [...second, ...first]]) {
      for (let written = 1; written < order.length; written += 1) {
        const torn = Buffer.from(flashedDisk);
        for (const sector of order.slice(0, written)) {
          after.copy(torn, sector * sectorBytes, sector * sectorBytes, (sector + 1) * sectorBytes);
        }
        putTables(torn);
        write(data, 0, flashedData);
        assert.equal(takeIdentity().status, 0, String(order.slice(0, written)));
        assertOwn();
      }
    }
  });

  it('are all its own after a cut in the middle of a write of the superblock', () => {
    takeIdentity();
    const now = read(data, 0, startBytes);
    for (const sector of [0, 1]) {
      const torn = Buffer.from(now);
      const at = superblockAt + sector * sectorBytes;
      flashedData.copy(torn, at, at, at + sectorBytes);
      putTables(flashedDisk);
      write(data, 0, torn);
      check();
      assert.equal(takeIdentity().status, 0);
      const { data: uuid } = identifiers();
      assert.ok(!uuid.startsWith(dataUuid.slice(0, -2)), uuid);
      const checked = tool('e2fsck', '-fn', data);
      assert.equal(checked.status, 0, checked.stdout);
    }
  });

  it('stay those of the image, and are left to the next start, when they cannot be written', () => {
    const bin = join(folder, 'broken');
    mkdirSync(bin);
    writeFileSync(join(bin, 'sfdisk'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    assert.notEqual(takeIdentity(`${bin}:${path}`).status, 0);
    assert.deepEqual([identifiers().disk, identifiers().data], [diskUuid, dataUuid]);
    takeIdentity();
    assertOwn();
  });
});
