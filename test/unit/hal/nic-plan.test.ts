import assert from 'node:assert/strict';
import type { NicConfig } from '#hal';
import {
  findNic,
  matchingNics,
  type NicCandidate,
  type NicState,
  type NicStep,
  planNic,
  planStrays,
  planVlan,
} from '../../../hal/linux/nic-plan.ts';
import type { KernelRoute } from '../../../hal/linux/route-messages.ts';
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
  parent: undefined,
  vlan: undefined,
  alias: undefined,
};
const path = '/devices/platform/soc/30be0000.ethernet/net/lan0';
const candidate: NicCandidate = { link, path };
const vlan: NicCandidate = {
  link: { ...link, ifindex: 3, device: 'lan0.7', kind: 'vlan' },
  path: '/devices/virtual/net/lan0.7',
};

const address = (text: string, more: Partial<InterfaceAddress> = {}): InterfaceAddress => {
  const [bare = '', length] = text.split('/');
  const about = { ifindex: 2, prefixLength: Number(length), payload: Buffer.alloc(0) };
  const flags = { autoconfigured: false, permanent: true, duplicate: false };
  return { address: bare, ...about, ...flags, ...more };
};
const config = (...addresses: string[]): NicConfig => ({ device: 'lan0', addresses });

const nothing: NicState = { addresses: [], routes: [], dhcp: [], leased: [] };

/** `mtu 1400`, `+192.0.2.1/24`, `-192.0.2.1/24`, `up`, `route 192.0.2.0/24 via …`, `start-dhcp 4`. */
function text(step: NicStep): string {
  switch (step.kind) {
    case 'mtu':
      return `mtu ${step.mtu}`;
    case 'add-address':
      return `+${step.prefix.address}/${step.prefix.prefixLength}`;
    case 'remove-address':
      return `-${step.address.address}/${step.address.prefixLength}`;
    case 'set-route':
    case 'remove-route': {
      const { destination, via, onLink } = step.route;
      const way = `${destination.address}/${destination.prefixLength} via ${via}`;
      return step.kind === 'remove-route' ? `-route ${way}` : `route ${way}${onLink ? ' onlink' : ''}`;
    }
    case 'start-dhcp':
    case 'stop-dhcp':
      return `${step.kind} ${step.family}`;
    case 'add-vlan':
      return `add-vlan ${step.device} of ${step.link.device}`;
    case 'remove-vlan':
      return `remove-vlan ${step.link.device}`;
    case 'up':
      return 'up';
  }
}

const steps = (
  present: readonly InterfaceAddress[],
  wanted: NicConfig,
  from: Link = link,
  more: Partial<NicState> = {},
): readonly string[] => planNic(from, { ...nothing, addresses: present, ...more }, wanted).map(text);

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

describe('the plan of routes', () => {
  const route = (destination: string, gateway: string, ifindex = 2): KernelRoute => {
    const [bare = '', length] = destination.split('/');
    const about = { family: 2 as const, protocol: 87, metric: 87, discards: false };
    return { ...about, destination: bare, prefixLength: Number(length), gateway, ifindex };
  };
  const plan = (routes: readonly KernelRoute[], wanted: Partial<NicConfig>) =>
    steps([], { device: 'lan0', addresses: [], ...wanted }, link, { routes });

  it('adds, moves and removes what differs, and nothing else', () => {
    const present = [
      route('0.0.0.0/0', '192.0.2.1'),
      route('10.0.0.0/8', '192.0.2.1'),
      route('10.9.0.0/16', '192.0.2.1'),
    ];
    const routes = [
      { prefix: '0.0.0.0/0', via: '192.0.2.254' },
      { prefix: '10.0.0.0/8', via: '192.0.2.1' },
      { prefix: '172.16.0.0/12', via: '192.0.2.1' },
    ];
    assert.deepEqual(plan(present, { routes }), [
      'route 0.0.0.0/0 via 192.0.2.254',
      'route 172.16.0.0/12 via 192.0.2.1',
      '-route 10.9.0.0/16 via 192.0.2.1',
    ]);
  });

  it('compares routes as the kernel writes them: the network, addresses in canonical form', () => {
    assert.deepEqual(
      plan([route('10.0.0.0/8', '192.0.2.1')], { routes: [{ prefix: '10.1.2.3/8', via: '192.0.2.1' }] }),
      [],
    );
    const v6 = { ...route('2001:db8:5::/48', '2001:db8::1'), family: 10 as const };
    assert.deepEqual(plan([v6], { routes: [{ prefix: '2001:0DB8:5::/48', via: '2001:db8:0::1' }] }), []);
  });

  it('leaves the routes of other NICs alone', () => {
    assert.deepEqual(plan([route('10.0.0.0/8', '192.0.2.1', 9)], {}), []);
  });

  it('takes a gateway that DHCP makes reachable, or a link-local one, on its word', () => {
    const routes = [{ prefix: '10.0.0.0/8', via: '192.0.2.1' }];
    assert.deepEqual(plan([], { routes, dhcp4: true })[0], 'route 10.0.0.0/8 via 192.0.2.1 onlink');
    const v6 = [{ prefix: '::/0', via: 'fe80::1' }];
    assert.deepEqual(plan([], { routes: v6 }), ['route ::/0 via fe80::1 onlink']);
  });
});

describe('the plan of DHCP', () => {
  const leased = [address('192.0.2.100/24', { permanent: false })];
  const wanted = { device: 'lan0', addresses: [], dhcp4: true };

  it('starts and stops a client for each family', () => {
    assert.deepEqual(steps([], { ...wanted, dhcp6: true }), ['start-dhcp 4', 'start-dhcp 6']);
    const dhcp = [{ device: 'lan0', family: 4 } as const];
    assert.deepEqual(steps(leased, wanted, link, { dhcp }), []);
    assert.deepEqual(steps([], config(), link, { dhcp }), ['stop-dhcp 4']);
    assert.deepEqual(steps([], wanted, link, { dhcp: [{ device: 'wan0', family: 4 }] }), ['start-dhcp 4']);
  });

  it('leaves what DHCP brought, also without an end, beside static addresses', () => {
    const dhcp = [{ device: 'lan0', family: 4 } as const];
    const both = { ...wanted, addresses: ['198.51.100.1/24'] };
    const present = [...leased, address('198.51.100.1/24'), address('192.0.2.101/24')];
    assert.deepEqual(steps(present, both, link, { dhcp, leased: ['192.0.2.101'] }), []);
  });

  it('takes the static address of a NIC that asks DHCP now, and nothing of the other family', () => {
    const present = [address('198.51.100.1/24'), address('2001:db8::5/64')];
    assert.deepEqual(steps(present, wanted), ['start-dhcp 4', '-198.51.100.1/24']);
  });
});

describe('the plan of VLANs', () => {
  it('switches the NIC on and makes room for the packets of the VLAN before it makes it', () => {
    const off = { ...link, up: false };
    assert.deepEqual(planVlan('wan', off, 7, 1504).map(text), ['mtu 1504', 'up', 'add-vlan wan.7 of lan0']);
    assert.deepEqual(planVlan('wan', link, 7, 1400).map(text), ['add-vlan wan.7 of lan0']);
  });

  it('removes a VLAN and a client of a configuration that is no more, and none that others made', () => {
    const old = { ...link, ifindex: 5, device: 'wan.6', kind: 'vlan', parent: 2, vlan: 6, alias: 'weir' };
    const kept = { ...old, ifindex: 6, device: 'wan.7', vlan: 7 };
    const others = { ...old, ifindex: 7, device: 'lan0.9', vlan: 9, alias: undefined };
    const dhcp = [{ device: 'wan.6', family: 4 } as const, { device: 'wan.7', family: 4 } as const];
    const strays = planStrays([link, old, kept, others], [kept, link], { ...nothing, dhcp }, []);
    assert.deepEqual(strays.map(text), ['stop-dhcp 4', 'remove-vlan wan.6']);
  });

  it('leaves no NIC that has no role an address of a role, nor a route of its own, and all that is not its own', () => {
    const vlan = { ...link, ifindex: 6, device: 'wan.7', kind: 'vlan', parent: 2, vlan: 7, alias: 'weir' };
    const loopback = { ...link, ifindex: 1, device: 'lo' };
    const addresses = [
      { ...address('192.0.2.1/24'), ifindex: link.ifindex },
      { ...address('192.0.2.9/24'), ifindex: link.ifindex },
      { ...address('192.0.2.1/24'), ifindex: vlan.ifindex },
      { ...address('192.0.2.1/24'), ifindex: loopback.ifindex },
    ];
    const role = { ...config(), addresses: ['192.0.2.1/24'] };
    const strays = planStrays([loopback, link, vlan], [vlan], { ...nothing, addresses }, [role]);
    assert.deepEqual(strays.map(text), ['-192.0.2.1/24']);
    assert.deepEqual(planStrays([loopback, link, vlan], [vlan, link], { ...nothing, addresses }, [role]), []);
  });
});
