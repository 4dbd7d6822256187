import assert from 'node:assert/strict';
import { checkConfig } from '../../../src/config/parse.ts';
import { checkPassword } from '../../../src/console/password.ts';
import { passwordHash } from './leaves.ts';

const interfaces = { wan: { device: 'wan0' }, access: { device: 'lan0' } };
const faultsOf = (users: readonly object[]) =>
  checkConfig({ interfaces, system: { users } }).faults.map(({ path, text }) => `${path}: ${text}`);

describe('who may log in', () => {
  it('is nobody in particular, or an administrator with a password among them', () => {
    assert.deepEqual(faultsOf([]), []);
    const ann = { name: 'ann', class: 'administrator', passwordHash };
    assert.deepEqual(faultsOf([ann]), []);
    assert.deepEqual(faultsOf([{ name: 'bob', class: 'viewer' }, ann]), []);
  });

  for (const [title, user] of Object.entries({
    'an administrator without a password': { name: 'ann', class: 'administrator' },
    'a user of no class, who is a viewer then': { name: 'ann', passwordHash },
    'an operator': { name: 'ann', class: 'operator', passwordHash },
  })) {
    it(`is not only ${title}: nobody could change the configuration any more`, () => {
      const [fault, ...others] = faultsOf([user]);
      assert.match(fault ?? '', /^system\.users: needs an administrator with a password/);
      assert.deepEqual(others, []);
    });
  }

  it('has no hash that cannot be checked (RFC 7914 s.6), and one that can be at the limit', async () => {
    const withCost = (cost: string) => passwordHash.replace('ln=15,r=8,p=1', cost);
    const faults = (cost: string) =>
      faultsOf([{ name: 'ann', class: 'administrator', passwordHash: withCost(cost) }]);
    assert.deepEqual(faults('ln=16,r=31,p=1'), []);
    assert.equal(await checkPassword('wrong', withCost('ln=16,r=31,p=1')), false);
    assert.match(faults('ln=16,r=32,p=1').join(), /more memory than a login may take \(256 MiB\)$/);
    await assert.rejects(checkPassword('wrong', withCost('ln=16,r=32,p=1')));
  });
});
