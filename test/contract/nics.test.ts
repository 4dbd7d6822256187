import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { silentLog, systemClock } from '#base';
import { DhcpClients } from '../../hal/linux/dhcp-clients.ts';
import { DhcpProcesses } from '../../hal/linux/dhcp-runner.ts';
import { LinuxNics } from '../../hal/linux/nics.ts';
import { LinuxResolver } from '../../hal/linux/resolver.ts';
import { Rtnetlink } from '../../hal/linux/rtnetlink.ts';
import { openSimHal } from '../../hal/sim/sim-hal.ts';
import { until } from './datapath-world.ts';
import { describeReal } from './describe-real.ts';
import { boxOnAccess, ip, kernelHasVlans, NetworkWorld, viewerAt } from './network-world.ts';
import { type NicsWorld, nicsContract } from './nics.contract.ts';
import { noDuplicates } from './no-duplicates.ts';

async function simWorld(): Promise<NicsWorld> {
  const hal = await openSimHal();
  const { nics } = hal;
  const macs: Record<string, string> = { wan0: '02:00:00:00:00:01', lan0: '02:00:00:00:00:02' };
  return {
    nics,
    inspect: async (device) => nics.inspect(device),
    mac: (device) => macs[device] ?? '',
    path: (device) => `/devices/pci0000:00/0000:00:0${device === 'wan0' ? 1 : 2}.0/net/${device}`,
    setCarrier: async (device, carrier) => nics.setCarrier(device, carrier),
    addAddress: async (device, address) =>
      nics.setAddresses(device, [...nics.inspect(device).addresses, address]),
    switchOff: async (device) => nics.switchOff(device),
    remove: async (device) => nics.remove(device),
    replaceLan: async () => nics.add({ device: 'lan0', mac: '02:00:00:00:00:03' }),
    meet: async (address) => {
      nics.meet(address, '02:00:00:00:01:01');
      return { mac: '02:00:00:00:01:01' };
    },
    hasVlans: true,
    traffic: async () => nics.setCounters('lan0', { rxPackets: 3n, rxBytes: 300n }),
    [Symbol.asyncDispose]: () => hal.close(),
  };
}

interface LinkJson {
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly address: string;
  readonly addr_info: ReadonlyArray<{ local: string; prefixlen: number; scope: string }>;
}

const show = (device: string): LinkJson => JSON.parse(ip(`-json addr show dev ${device}`))[0];

async function realWorld(): Promise<NicsWorld> {
  const world = await NetworkWorld.make();
  const network = await Rtnetlink.open({ log: silentLog, clock: systemClock });
  const runner = new DhcpProcesses({ folder: '/run/no-leases', program: 'dhcpcd', clock: systemClock });
  const dhcp = new DhcpClients({
    ...{
      runner,
      folder: '/run/no-leases',
      resolver: new LinuxResolver({ file: '/run/no-leases/resolv.conf', log: silentLog }),
    },
    ...{ clock: systemClock, log: silentLog },
  });
  await dhcp.open();
  const nics = await LinuxNics.open({ network, dhcp, duplicates: noDuplicates(), log: silentLog });
  return {
    nics,
    inspect: async (device) => {
      const { mtu, flags, addr_info } = show(device);
      const addresses = addr_info
        .filter(({ scope }) => scope !== 'link')
        .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
      return { mtu, up: flags.includes('UP'), addresses };
    },
    mac: (device) => show(device).address,
    path: (device) => realpathSync(`/sys/class/net/${device}`).replace(/^\/sys/, ''),
    setCarrier: async (device, carrier) => {
      const far = device === 'lan0' ? world.viewer : world.origin;
      await far.call('ip', `link set eth0 ${carrier ? 'up' : 'down'}`);
    },
    addAddress: async (device, address) => {
      ip(`addr add ${address} dev ${device}`);
    },
    switchOff: async (device) => {
      ip(`link set ${device} down`);
    },
    remove: async (device) => {
      ip(`link del ${device}`);
    },
    replaceLan: async () => {
      ip(`link add lan0 type veth peer name eth0 netns ${world.viewer.pid}`);
      await world.viewer.call('ip', 'link set eth0 up');
    },
    meet: async (address) => {
      const family = address.includes(':') ? 'v6' : 'v4';
      const socket = await world.viewer.call('udp', viewerAt[family], 0);
      await world.viewer.call('udpSend', socket, boxOnAccess[family], 9, 'hello');
      await until(() => nics.macOf(address) !== undefined);
      const [link] = JSON.parse(
        execFileSync(
          'nsenter',
          ['-t', String(world.viewer.pid), '-n', 'ip', '-json', 'link', 'show', 'eth0'],
          {
            encoding: 'utf8',
          },
        ),
      );
      return { mac: link.address };
    },
    hasVlans: kernelHasVlans(),
    traffic: async () => {
      const socket = await world.viewer.call('udp', viewerAt.v4, 0);
      await world.viewer.call('udpSend', socket, boxOnAccess.v4, 9, 'x'.repeat(100));
    },
    [Symbol.asyncDispose]: async () => {
      await nics.close();
      await dhcp.close();
      await network.close();
      await world[Symbol.asyncDispose]();
    },
  };
}

describe('the simulated NICs', () => {
  nicsContract(simWorld);
});

describeReal('the NICs of Linux', import.meta.filename, () => {
  nicsContract(realWorld);
});

describeReal('the NICs of a Linux without VLANs', import.meta.filename, () => {
  it('say so, and leave everything as it was', async function () {
    if (kernelHasVlans()) this.skip();
    const world = await realWorld();
    await using _world = world;
    const before = await world.inspect('lan0');
    const access = { device: 'lan0', addresses: [], vlan: 7, mtu: 1400 };
    await assert.rejects(world.nics.apply({ wan: { device: 'wan0', addresses: [] }, access }), {
      code: 'NETLINK_FAILED',
      advice: /CONFIG_VLAN_8021Q/,
    });
    assert.deepEqual(await world.inspect('lan0'), before);
  });

  it('say so before a configuration that waits for a restart counts, and change nothing', async function () {
    if (kernelHasVlans()) this.skip();
    await using world = await realWorld();
    const running = { wan: { device: 'wan0', addresses: [] }, access: { device: 'lan0', addresses: [] } };
    await world.nics.apply(running);
    const links = ip('link');
    const next = { ...running, access: { ...running.access, vlan: 7 } };
    await assert.rejects(world.nics.check(next), { code: 'NETLINK_FAILED', message: /makes no VLANs/ });
    assert.equal(ip('link'), links);
    await world.nics.check(running);
  });
});
