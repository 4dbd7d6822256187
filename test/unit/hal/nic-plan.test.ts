import assert from 'node:assert/strict';
import type { NicConfig } from '#hal';
import { findNic, matchingNics, type NicCandidate, planNic } from '../../../hal/linux/nic-plan.ts';
import type { InterfaceAddress, Link } from '../../../hal/linux/rtnetlink-messages.ts';

const link: Link = {
  ifindex: 2,
  device: 'lan0',
  mac: '02:00:00:00:00:02',
  permanentMac: '02:00:00:00:00:99',
  mtu: 1500,
  up: true,
  linkUp: true,
  kind: undefined,
};
const path = '/devices/platform/soc/30be0000.ethernet/net/lan0';
const candidate: NicCandidate = { link, path };
const vlan: NicCandidate = {
  link: { ...link, ifindex: 3, device: 'lan0.7', kind: 'vlan' },
  path: '/devices/virtual/net/lan0.7',
};

const address = (text: string, more: Partial<InterfaceAddress> = {}): InterfaceAddress => {
  const [bare = '', length] = text.split('/');
  const about = { ifindex: 2, prefixLength: Number(length), autoconfigured: false, payload: Buffer.alloc(0) };
  return { address: bare, ...about, ...more };
};
const config = (...addresses: string[]): NicConfig => ({ device: 'lan0', addresses });

/** `mtu 1400`, `+192.0.2.1/24`, `-192.0.2.1/24`, `up`. */
const steps = (
  present: readonly InterfaceAddress[],
  wanted: NicConfig,
  from: Link = link,
): readonly string[] =>
  planNic(from, present, wanted).map((step) => {
    if (step.kind === 'mtu') return `mtu ${step.mtu}`;
    if (step.kind === 'up') return 'up';
    const { address: text, prefixLength } = step.kind === 'add-address' ? step.prefix : step.address;
    return `${step.kind === 'add-address' ? '+' : '-'}${text}/${prefixLength}`;
  });

describe('the match of a NIC', () => {
  const all = [candidate, vlan];
  const found = (match: Parameters<typeof matchingNics>[0]) =>
    matchingNics(match, all).map((one) => one.link.device);

  it('takes the MAC address in use and the one burnt in, and not the VLAN that shares it', () => {
    assert.deepEqual(found({ mac: '02:00:00:00:00:02' }), ['lan0']);
    assert.deepEqual(found({ mac: '02:00:00:00:00:99' }), ['lan0']);
  });

  it('takes the VLAN when it is named as well', () => {
    assert.deepEqual(found({ mac: '02:00:00:00:00:02', device: 'lan0.7' }), ['lan0.7']);
  });

  it('takes the path of the NIC, of its device, and the end of either at a slash', () => {
    for (const given of [path, `/sys${path}`, '30be0000.ethernet', 'soc/30be0000.ethernet', 'net/lan0']) {
      assert.deepEqual(found({ path: given }), ['lan0'], given);
    }
    for (const given of ['0000.ethernet', 'ethernet/net', 'an0'])
      assert.deepEqual(found({ path: given }), [], given);
  });

  it('wants all that is told to be so', () => {
    assert.deepEqual(found({ device: 'lan0', mac: '02:00:00:00:00:03' }), []);
  });

  it('names those it fits when they are several', () => {
    assert.throws(() => findNic('access', { path: 'net/lan0' }, [candidate, { ...vlan, path }]), {
      code: 'CONFIG_BAD_VALUE',
      message: /fits several: lan0, lan0\.7/,
    });
  });
});

describe('the plan of a NIC', () => {
  it('is empty when all is as configured', () => {
    assert.deepEqual(steps([address('192.0.2.1/24')], { ...config('192.0.2.1/24'), mtu: 1500 }), []);
    assert.deepEqual(steps([address('192.0.2.1/24')], config()), []);
  });

  it('adds before it removes, so that a step that fails has taken nothing away', () => {
    assert.deepEqual(steps([address('192.0.2.1/24')], config('192.0.2.2/24', '2001:db8::1/64')), [
      '+192.0.2.2/24',
      '+2001:db8::1/64',
      '-192.0.2.1/24',
    ]);
  });

  it('sets the MTU and switches on before it gives addresses', () => {
    const off = { ...link, up: false, linkUp: false };
    assert.deepEqual(steps([], { ...config('192.0.2.1/24'), mtu: 1400 }, off), [
      'mtu 1400',
      'up',
      '+192.0.2.1/24',
    ]);
  });

  it('removes an IPv6 address first whose prefix length changes: the kernel takes it only once', () => {
    const present = [address('2001:db8::1/64'), address('192.0.2.1/24')];
    assert.deepEqual(steps(present, config('2001:db8::1/80', '192.0.2.1/25')), [
      '-2001:db8::1/64',
      '+2001:db8::1/80',
      '+192.0.2.1/25',
      '-192.0.2.1/24',
    ]);
  });

  it('keeps link-local addresses and those made out of router advertisements (RFC 4862)', () => {
    const present = [
      address('fe80::1/64'),
      address('169.254.9.9/16'),
      address('2001:db8::abcd/64', { autoconfigured: true }),
    ];
    assert.deepEqual(steps(present, config('192.0.2.1/24')), ['+192.0.2.1/24']);
  });

  it('leaves the addresses of other NICs alone', () => {
    assert.deepEqual(steps([address('192.0.2.9/24', { ifindex: 7 })], config('192.0.2.1/24')), [
      '+192.0.2.1/24',
    ]);
  });
});
