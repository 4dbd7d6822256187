import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#base';
import { payloadHash, writeBundle } from '../../../image/bundle/bundle.ts';
import { openKeys, type SigningKeys } from '../../../image/keys/keys.ts';

describe('two bundles of one slot', function () {
  this.timeout(60_000);
  let folder: string;
  let keys: SigningKeys;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weir-bundle-'));
    keys = await openKeys(join(folder, 'keys'), { make: true });
    writeFileSync(join(folder, 'slot.img'), randomBytes(300_000));
  });
  after(() => rmSync(folder, { recursive: true }));

  const make = async (name: string, version = '1.0.0') => {
    const file = join(folder, `${name}.raucb`);
    const facts = { version, compatible: 'weir-arm64', keys, timeSeconds: 1_700_000_000 };
    await writeBundle(file, { ...facts, slot: join(folder, 'slot.img') }, join(folder, name));
    return file;
  };

  it('bring the same to the byte, whenever they were made: only what RAUC draws and signs is not the same', async () => {
    const one = await make('one');
    // Squashfs counts seconds.
    const second = Math.floor(systemClock.nowMs() / 1000);
    while (Math.floor(systemClock.nowMs() / 1000) === second) await systemClock.sleep(50);
    utimesSync(join(folder, 'slot.img'), 1_750_000_000, 1_750_000_000);
    const other = await make('other');
    assert.equal(payloadHash(one), payloadHash(other));
    assert.ok(!readFileSync(one).equals(readFileSync(other)));
  });

  it('bring something else where a single word in them is another', async () => {
    assert.notEqual(payloadHash(await make('one')), payloadHash(await make('newer', '1.0.1')));
  });

  it('have no payload where they are cut off, or none at all', async () => {
    const cut = await make('cut');
    truncateSync(cut, 1000);
    assert.throws(() => payloadHash(cut), { code: 'IMAGE_FAILED', message: /cut off/ });
    assert.throws(() => payloadHash(keys.certificate), { code: 'IMAGE_FAILED', message: /no squashfs/ });
  });
});
