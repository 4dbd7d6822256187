import assert from 'node:assert/strict';
import { parseLink, vlanPayload } from '../../../hal/linux/rtnetlink-messages.ts';

const IFINFOMSG_BYTES = 16;

describe('rtnetlink messages of a VLAN', () => {
  it('say what ip(8) says for `link add link wan0 name wan.7 type vlan id 7`', () => {
    // Captured with strace, its attributes in another order.
    const captured = [
      '0800050003000000',
      '0a00030077616e2e37000000',
      '1800120008000100766c616e0c0002000600010007000000',
    ];
    const attributes = vlanPayload(3, 'wan.7', 7).subarray(IFINFOMSG_BYTES).toString('hex');
    for (const attribute of captured) assert.ok(attributes.includes(attribute), attribute);
    assert.equal(attributes.length, captured.join('').length);
  });

  it('are understood as well: parent, identifier and kind', () => {
    const payload = vlanPayload(3, 'wan.7', 7);
    const link = parseLink({ type: 16, payload });
    assert.deepEqual([link?.device, link?.kind, link?.parent, link?.vlan], ['wan.7', 'vlan', 3, 7]);
  });
});
