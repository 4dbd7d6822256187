import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import { parseConfig } from '../../../src/config/index.ts';

type Nic = Record<string, unknown>;
const check = (wan: Nic, access: Nic = {}): string => {
  try {
    parseConfig({ interfaces: { wan: { device: 'wan0', ...wan }, access: { device: 'lan0', ...access } } });
    return '';
  } catch (error) {
    return isWeirError(error, 'CONFIG_BAD_VALUE') ? error.message : assert.fail(String(error));
  }
};
const routed = (prefix: string, via: string | undefined, more: Nic = {}): string =>
  check({
    addresses: ['203.0.113.1/24', '2001:db8::1/64'],
    routes: [{ prefix, ...(via && { via }) }],
    ...more,
  });

describe('the interfaces of a configuration', () => {
  it('are two NICs: one device or MAC address for both is refused, but for two VLANs of it', () => {
    assert.match(check({}, { device: 'wan0' }), /access\.device: "wan0" is the wan NIC already/);
    assert.match(check({ vlan: 7 }, { device: 'wan0', vlan: 7 }), /is the wan NIC already/);
    assert.equal(check({ vlan: 7 }, { device: 'wan0', vlan: 8 }), '');
    assert.equal(check({}, { device: 'wan0', vlan: 8 }), '');
  });

  it('do not share an address, however it is written (RFC 5952)', () => {
    const wan = { addresses: ['2001:db8::1/64', '203.0.113.1/24'] };
    assert.match(
      check(wan, { addresses: ['2001:DB8:0::1/48'] }),
      /access\.addresses\[0\].*is an address of wan already/,
    );
    assert.match(check(wan, { addresses: ['203.0.113.1/32'] }), /already/);
    assert.equal(check(wan, { addresses: ['203.0.113.2/24'] }), '');
  });

  it('route by a gateway in one of their subnets', () => {
    assert.equal(routed('0.0.0.0/0', '203.0.113.254'), '');
    assert.match(
      routed('0.0.0.0/0', '192.0.2.1'),
      /wan\.routes\[0\]\.via: 192\.0\.2\.1 is in no subnet of 203\.0\.113\.1\/24/,
    );
    assert.match(routed('0.0.0.0/0', '203.0.113.1'), /an address of this NIC itself/);
    assert.match(routed('0.0.0.0/0', undefined), /by which gateway/);
  });

  it('route IPv4 by IPv4 and IPv6 by IPv6', () => {
    assert.match(routed('0.0.0.0/0', '2001:db8::ff'), /another family/);
    assert.match(routed('::/0', '203.0.113.254'), /another family/);
    assert.equal(routed('::/0', 'fe80::1'), '');
  });

  it('may have a gateway whose subnet only DHCP will bring, or that the NIC has had all along', () => {
    assert.equal(routed('10.0.0.0/8', '192.0.2.1', { dhcp4: true }), '');
    assert.equal(routed('10.0.0.0/8', '192.0.2.1', { addresses: [] }), '');
  });

  it('take VLANs that there are (IEEE 802.1Q): 1 to 4094', () => {
    for (const vlan of [0, 4095, 1.5]) assert.match(check({ vlan }), /from 1 to 4094/);
  });
});
