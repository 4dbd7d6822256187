import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openKeys } from '../../../image/keys/keys.ts';

describe('signing keys', () => {
  let folder: string;
  const at = (...names: string[]) => join(folder, ...names);

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weir-keys-'));
    await openKeys(at('own'), { make: true });
    await openKeys(at('other'), { make: true });
  });
  after(() => rmSync(folder, { recursive: true }));

  /** A folder with files of these two: key, certificate, keyring. */
  function mixed(name: string, key: string, certificate: string, keyring: string): string {
    const made = mkdtempSync(at(`${name}-`));
    copyFileSync(at(key, 'signing.key.pem'), join(made, 'signing.key.pem'));
    copyFileSync(at(certificate, 'signing.cert.pem'), join(made, 'signing.cert.pem'));
    copyFileSync(at(keyring, 'keyring.pem'), join(made, 'keyring.pem'));
    return made;
  }

  it('are made once, and used again', async () => {
    const before = readFileSync(at('own', 'signing.key.pem'), 'utf8');
    await openKeys(at('own'), { make: true });
    assert.equal(readFileSync(at('own', 'signing.key.pem'), 'utf8'), before);
  });

  it('of the operator are never made up', async () => {
    await assert.rejects(openKeys(at('none'), { make: false }), {
      code: 'IMAGE_KEY',
      message: /signing\.key\.pem/,
    });
  });

  it('are not replaced when one of them is missing', async () => {
    const half = mixed('half', 'own', 'own', 'own');
    rmSync(join(half, 'signing.cert.pem'));
    await assert.rejects(openKeys(half, { make: true }), {
      code: 'IMAGE_KEY',
      message: /no .*signing\.cert\.pem$/,
    });
  });

  it('are refused when the key is not that of the certificate', async () => {
    const wrong = mixed('key', 'other', 'own', 'own');
    await assert.rejects(openKeys(wrong, { make: false }), {
      code: 'IMAGE_KEY',
      message: /is not the key of/,
    });
  });

  it('are refused when gateways would not believe the certificate', async () => {
    const wrong = mixed('ring', 'own', 'own', 'other');
    await assert.rejects(openKeys(wrong, { make: false }), {
      code: 'IMAGE_KEY',
      message: /does not vouch for/,
    });
  });

  it('are refused when they are no keys', async () => {
    const wrong = mixed('text', 'own', 'own', 'own');
    writeFileSync(join(wrong, 'signing.key.pem'), 'secret\n');
    await assert.rejects(openKeys(wrong, { make: false }), {
      code: 'IMAGE_KEY',
      message: /cannot read the keys/,
    });
  });
});
