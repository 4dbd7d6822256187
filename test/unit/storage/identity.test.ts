import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, copyFileSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { isWeirError } from '#base';
import { openReader } from '#storage';
import { openForWriting } from '../../../storage/database/sqlite.ts';
import { bill, Folder, open } from './box.ts';

describe('the device key', () => {
  it('is made once, for the owner alone, and names the device from then on', async () => {
    using folder = new Folder();
    const seen = new Set<string>();
    for (let time = 0; time < 2; time += 1) {
      await using store = await open(folder.path);
      seen.add(
        `${store.device.id} ${store.device.publicKey} ${readFileSync(folder.file('device.key'), 'utf8')}`,
      );
      assert.equal(statSync(folder.file('device.key')).mode & 0o777, 0o600);
    }
    assert.equal(seen.size, 1);
  });

  it('is shown to who only reads', async () => {
    using folder = new Folder();
    await using store = await open(folder.path);
    await using reader = await openReader(folder.path);
    assert.deepEqual(reader.device, store.device);
  });

  const der = (type: 'rsa' | 'ec') =>
    (type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
    ).privateKey
      .export({ type: 'pkcs8', format: 'pem' })
      .toString();
  const another = () =>
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const cases: ReadonlyArray<[name: string, spoil: (key: string) => void, says: RegExp]> = [
    ['is missing', (key) => rmSync(key), /missing/],
    ['is empty', (key) => writeFileSync(key, ''), /not a private key/],
    [
      'is cut short',
      (key) => writeFileSync(key, readFileSync(key, 'utf8').slice(0, 60)),
      /not a private key/,
    ],
    ['is RSA', (key) => writeFileSync(key, der('rsa')), /rsa/],
    ['is on another curve', (key) => writeFileSync(key, der('ec')), /ec/],
    ["is another device's", (key) => writeFileSync(key, another()), /not that of weir-/],
  ];
  for (const [name, spoil, says] of cases) {
    it(`when it ${name} and there are records, nothing is opened and nothing replaced`, async () => {
      using folder = new Folder();
      {
        await using store = await open(folder.path);
        await bill(store, 1);
      }
      const key = folder.file('device.key');
      copyFileSync(key, folder.file('kept'));
      spoil(key);
      const left = readIfThere(key);
      await assert.rejects(
        open(folder.path),
        (error) => isWeirError(error, 'STORAGE_KEY') && says.test(error.message),
      );
      assert.deepEqual(readIfThere(key), left);
      // Put back, all is well.
      copyFileSync(folder.file('kept'), key);
      chmodSync(key, 0o600);
      await using store = await open(folder.path);
      assert.equal((await store.ledger.head())?.sequence, 1);
    });
  }

  it('is not made anew when the database is gone as well: records may be elsewhere', async () => {
    using folder = new Folder();
    {
      await using store = await open(folder.path);
      await bill(store, 1);
    }
    rmSync(folder.file('device.key'));
    rmSync(folder.file('weir.db'));
    await assert.rejects(open(folder.path), (error) => isWeirError(error, 'STORAGE_KEY'));
  });
});

describe('a data folder', () => {
  it('has one daemon at a time', async () => {
    using folder = new Folder();
    {
      await using _ = await open(folder.path);
      await assert.rejects(open(folder.path), (error) => isWeirError(error, 'STORAGE_LOCKED'));
    }
    await using store = await open(folder.path);
    assert.equal(store.health, 'ok');
  });

  it('that is not there is an error that says so, not a new folder', async () => {
    using folder = new Folder();
    const missing = folder.file('mistyped');
    await assert.rejects(open(missing), (error) => isWeirError(error, 'STORAGE_FAILED'));
    await assert.rejects(openReader(missing), (error) => isWeirError(error, 'STORAGE_FAILED'));
    assert.equal(statSync(missing, { throwIfNoEntry: false }), undefined);
  });

  it('without records cannot be read, and reading makes none', async () => {
    using folder = new Folder();
    await assert.rejects(openReader(folder.path), (error) => isWeirError(error, 'STORAGE_FAILED'));
    assert.equal(statSync(folder.file('weir.db'), { throwIfNoEntry: false }), undefined);
  });

  it('of a newer Weir is left alone', async () => {
    using folder = new Folder();
    await (await open(folder.path)).close();
    const db = openForWriting(folder.file('weir.db'));
    db.pragma('user_version = 99');
    db.close();
    for (const opening of [open(folder.path), openReader(folder.path)]) {
      await assert.rejects(
        opening,
        (error) => isWeirError(error, 'STORAGE_FAILED') && /newer/.test(error.message),
      );
    }
  });
});

const readIfThere = (path: string): string | undefined =>
  statSync(path, { throwIfNoEntry: false }) && readFileSync(path, 'utf8');
