import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import type { NicConfig, Nics } from '#hal';
import { next, until } from './datapath-world.ts';

/** The NICs under test, `wan0` and `lan0`, and what happens to them from outside. */
export interface NicsWorld extends AsyncDisposable {
  readonly nics: Nics;
  /** What the machine itself says, addresses without link-local ones. */
  inspect(device: string): Promise<{ mtu: number; up: boolean; addresses: readonly string[] }>;
  mac(device: string): string;
  /** The path below /sys, as udevadm tells it. */
  path(device: string): string;
  setCarrier(device: string, carrier: boolean): Promise<void>;
  addAddress(device: string, address: string): Promise<void>;
  /** As an administrator does, or as after a start. */
  switchOff(device: string): Promise<void>;
  remove(device: string): Promise<void>;
  /** Puts `lan0` in again after `remove`: same name, another index. */
  replaceLan(): Promise<void>;
  /** The viewer at this address, on `lan0`, sends something. */
  meet(address: string): Promise<{ mac: string }>;
  /** False where the kernel has none. */
  readonly hasVlans: boolean;
  /** Somebody sends something over `lan0`. */
  traffic(): Promise<void>;
}

const wan: NicConfig = { device: 'wan0', addresses: [] };
const lan: NicConfig = { device: 'lan0', addresses: [] };

/** What every implementation of `Nics` keeps. */
export function nicsContract(makeWorld: () => Promise<NicsWorld>): void {
  let world: NicsWorld;
  beforeEach(async () => {
    world = await makeWorld();
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
  });

  const refusal = async (config: { wan: NicConfig; access: NicConfig }) =>
    await world.nics.apply(config).then(
      () => assert.fail('apply should reject'),
      (error: unknown) => (isWeirError(error) ? error : assert.fail(String(error))),
    );

  it('binds by device name and keeps the addresses of a NIC without any in its configuration', async () => {
    const before = await world.inspect('lan0');
    await world.nics.apply({ wan, access: lan });
    const nic = world.nics.get('access');
    assert.equal(nic.device, 'lan0');
    assert.equal(nic.mac, world.mac('lan0'));
    assert.equal(nic.linkUp, true);
    assert.deepEqual((await world.inspect('lan0')).addresses, before.addresses);
    assert.notEqual(nic.ifindex, world.nics.get('wan').ifindex);
  });

  it('lists every NIC before the first configuration, with what tells them apart', async () => {
    const listed = await world.nics.list();
    const found = listed.find(({ device }) => device === 'lan0');
    assert.deepEqual(
      { mac: found?.mac, path: found?.path, role: found?.role },
      { mac: world.mac('lan0'), path: world.path('lan0'), role: undefined },
    );
    assert.ok(!listed.some(({ device }) => device === 'lo'));
  });

  it('lists NICs with role, link and addresses, and those of a NIC that has gone no more', async () => {
    await world.nics.apply({ wan, access: { ...lan, addresses: ['192.0.2.1/24'] } });
    const pick = async () =>
      (await world.nics.list()).map(({ device, role, linkUp }) => `${device} ${role} ${linkUp}`).sort();
    assert.deepEqual(await pick(), ['lan0 access true', 'wan0 wan true']);
    const found = (await world.nics.list()).find(({ device }) => device === 'lan0');
    assert.ok(found?.addresses.some(({ address }) => address === '192.0.2.1'));
    await world.remove('lan0');
    await until(async () => (await world.nics.list()).length === 1);
    assert.deepEqual(await pick(), ['wan0 wan true']);
  });

  it('switches every NIC on, so that it shows its link before it is configured', async () => {
    await world.switchOff('lan0');
    const shown = async () => (await world.nics.list()).find(({ device }) => device === 'lan0');
    await until(async () => (await shown())?.up === false);
    await world.nics.switchOn();
    await until(async () => (await shown())?.linkUp === true);
  });

  it('tells the routes of both families', async () => {
    const addresses = ['192.0.2.129/25', '2001:db8:9::1/64'];
    await world.nics.apply({ wan, access: { ...lan, addresses } });
    const routes = await world.nics.routes();
    for (const destination of ['192.0.2.128/25', '2001:db8:9::/64']) {
      const route = routes.find((one) => one.destination === destination);
      assert.deepEqual(
        { device: route?.device, protocol: route?.protocol, action: route?.action },
        { device: 'lan0', protocol: 'kernel', action: 'forward' },
        destination,
      );
    }
  });

  it('binds by MAC address, whatever its case', async () => {
    await world.nics.apply({ wan, access: { mac: world.mac('lan0').toUpperCase(), addresses: [] } });
    assert.equal(world.nics.get('access').device, 'lan0');
  });

  it('binds by the path in sysfs, by its end, and with /sys before it', async () => {
    const path = world.path('lan0');
    for (const given of [path, path.split('/').slice(-2).join('/'), `/sys${path}`]) {
      await world.nics.apply({ wan, access: { path: given, addresses: [] } });
      assert.equal(world.nics.get('access').device, 'lan0', given);
    }
  });

  it('tells which NICs there are when the one wanted is missing', async () => {
    const error = await refusal({ wan, access: { device: 'lan7', addresses: [] } });
    assert.equal(error.code, 'NIC_MISSING');
    assert.match(error.describe(), /device lan7 for interfaces\.access/);
    assert.match(error.advice ?? '', new RegExp(`wan0 ${world.mac('wan0')}`));
    assert.match(error.advice ?? '', /lan0/);
  });

  it('finds out what cannot be bound before it is to be, and changes nothing', async () => {
    await world.nics.apply({ wan, access: lan });
    const before = [await world.inspect('wan0'), await world.inspect('lan0')];
    await world.nics.check({ wan, access: { ...lan, mtu: 1400 } });
    await assert.rejects(world.nics.check({ wan, access: { device: 'lan7', addresses: [] } }), {
      code: 'NIC_MISSING',
    });
    await assert.rejects(world.nics.check({ wan, access: { mac: world.mac('wan0'), addresses: [] } }), {
      code: 'CONFIG_BAD_VALUE',
    });
    if (world.hasVlans) await world.nics.check({ wan, access: { ...lan, vlan: 7 } });
    assert.deepEqual([await world.inspect('wan0'), await world.inspect('lan0')], before);
    assert.equal(world.nics.get('access').device, 'lan0');
  });

  it('refuses one NIC for both roles, and a role without a NIC', async () => {
    assert.equal((await refusal({ wan, access: wan })).code, 'CONFIG_BAD_VALUE');
    assert.equal((await refusal({ wan, access: { addresses: [] } })).code, 'CONFIG_BAD_VALUE');
  });

  it('refuses an address that is none before it touches anything', async () => {
    const before = await world.inspect('wan0');
    const bad = { ...lan, addresses: ['192.0.2.300/24'] };
    assert.equal((await refusal({ wan: { ...wan, mtu: 1400 }, access: bad })).code, 'CONFIG_BAD_VALUE');
    assert.deepEqual(await world.inspect('wan0'), before);
  });

  it('makes the addresses of both families exact', async () => {
    const addresses = ['192.0.2.1/24', '192.0.2.2/24', '2001:db8:9::1/64'];
    await world.nics.apply({ wan, access: { ...lan, addresses } });
    assert.deepEqual([...(await world.inspect('lan0')).addresses].sort(), addresses);
    await world.nics.apply({ wan, access: { ...lan, addresses: addresses.slice(1) } });
    assert.deepEqual([...(await world.inspect('lan0')).addresses].sort(), addresses.slice(1));
  });

  it('changes the prefix length of an address', async () => {
    for (const addresses of [
      ['192.0.2.1/24', '2001:db8:9::1/64'],
      ['192.0.2.1/25', '2001:db8:9::1/80'],
    ]) {
      await world.nics.apply({ wan, access: { ...lan, addresses } });
      assert.deepEqual([...(await world.inspect('lan0')).addresses].sort(), addresses);
    }
  });

  it('routes by a gateway, moves the route to another one and takes it away', async () => {
    const addresses = ['192.0.2.1/24', '2001:db8:9::1/64'];
    const route = (prefix: string, via: string) => ({ prefix, via });
    const own = async () =>
      (await world.nics.routes())
        .filter(({ protocol }) => protocol === 'weir')
        .map(({ destination, via, device }) => `${destination} ${via} ${device}`)
        .sort();
    const routed = { ...lan, addresses };
    const first = [route('0.0.0.0/0', '192.0.2.254'), route('2001:db8:77::/48', '2001:db8:9::ff')];
    await world.nics.apply({ wan, access: { ...routed, routes: first } });
    assert.deepEqual(await own(), ['0.0.0.0/0 192.0.2.254 lan0', '2001:db8:77::/48 2001:db8:9::ff lan0']);
    const second = [route('0.0.0.0/0', '192.0.2.253'), route('2001:db8:77::/48', '2001:db8:9::fe')];
    await world.nics.apply({ wan, access: { ...routed, routes: second } });
    assert.deepEqual(await own(), ['0.0.0.0/0 192.0.2.253 lan0', '2001:db8:77::/48 2001:db8:9::fe lan0']);
    await world.nics.apply({ wan, access: routed });
    assert.deepEqual(await own(), []);
  });

  it('is on a VLAN of the NIC, and off it again', async function () {
    if (!world.hasVlans) this.skip();
    const access = { ...lan, vlan: 7, addresses: ['192.0.2.1/24'], mtu: 1400 };
    await world.nics.apply({ wan, access });
    const nic = world.nics.get('access');
    assert.deepEqual([nic.device, nic.mtu, nic.linkUp], ['access.7', 1400, true]);
    assert.deepEqual((await world.inspect('access.7')).addresses, ['192.0.2.1/24']);
    const devices = async () => (await world.nics.list()).map(({ device }) => device).sort();
    assert.deepEqual(await devices(), ['access.7', 'lan0', 'wan0']);
    await world.nics.apply({ wan, access: { ...access, vlan: 8 } });
    assert.deepEqual(await devices(), ['access.8', 'lan0', 'wan0']);
    await world.nics.apply({ wan, access: lan });
    assert.equal(world.nics.get('access').device, 'lan0');
    assert.deepEqual(await devices(), ['lan0', 'wan0']);
  });

  it('takes two VLANs of one NIC for two NICs', async function () {
    if (!world.hasVlans) this.skip();
    await world.nics.apply({ wan: { ...lan, vlan: 7 }, access: { ...lan, vlan: 8 } });
    assert.deepEqual([world.nics.get('wan').device, world.nics.get('access').device], ['wan.7', 'access.8']);
    const both = { ...lan, vlan: 7 };
    assert.equal((await refusal({ wan: both, access: both })).code, 'CONFIG_BAD_VALUE');
  });

  it('makes the VLAN again when its NIC is back', async function () {
    if (!world.hasVlans) this.skip();
    await world.nics.apply({ wan, access: { ...lan, vlan: 7, addresses: ['192.0.2.1/24'] } });
    const gone = when(world.nics, () => !world.nics.get('access').linkUp);
    await world.remove('lan0');
    await gone;
    const back = when(world.nics, () => {
      const { linkUp, addresses } = world.nics.get('access');
      return linkUp && addresses.some(({ address }) => address === '192.0.2.1');
    });
    await world.replaceLan();
    await back;
    assert.equal(world.nics.get('access').device, 'access.7');
  });

  it('sets the MTU and switches the NIC on', async () => {
    await world.nics.apply({ wan: { ...wan, mtu: 1400 }, access: lan });
    const { mtu, up } = await world.inspect('wan0');
    assert.deepEqual({ mtu, up }, { mtu: 1400, up: true });
    assert.equal(world.nics.get('wan').mtu, 1400);
  });

  it('leaves everything as it was when a later step fails', async () => {
    await world.nics.apply({ wan, access: lan });
    const before = [await world.inspect('wan0'), await world.inspect('lan0')];
    const error = await refusal({
      wan: { ...wan, mtu: 1400, addresses: ['192.0.2.1/24'] },
      access: { ...lan, mtu: 1_000_000_000 },
    });
    assert.equal(error.code, 'NETLINK_FAILED');
    assert.equal(error.fields.errno, 'EINVAL');
    assert.deepEqual([await world.inspect('wan0'), await world.inspect('lan0')], before);
    assert.equal(world.nics.get('wan').mtu, before[0]?.mtu);
  });

  it('gives back what was there before, addresses and MTU that no configuration knows', async () => {
    await world.addAddress('lan0', '198.18.77.1/24');
    await world.nics.apply({ wan, access: lan });
    const before = [await world.inspect('wan0'), await world.inspect('lan0')];
    const access = { ...lan, addresses: ['192.0.2.1/24', '2001:db8:77::1/64'], mtu: 1400 };
    const undo = await world.nics.apply({ wan: { ...wan, mtu: 1450 }, access });
    assert.notDeepEqual(await world.inspect('lan0'), before[1]);
    await undo();
    const after = [await world.inspect('wan0'), await world.inspect('lan0')];
    const sorted = (nics: typeof before) =>
      nics.map((nic) => ({ ...nic, addresses: [...nic.addresses].sort() }));
    assert.deepEqual(sorted(after), sorted(before));
    assert.equal(world.nics.get('access').mtu, before[1]?.mtu);
    // What is applied next finds its way from there.
    await world.nics.apply({ wan, access });
    assert.equal(world.nics.get('access').mtu, 1400);
  });

  it('tells nothing when the same configuration is applied again', async () => {
    const access = { ...lan, addresses: ['192.0.2.1/24'], mtu: 1400 };
    await world.nics.apply({ wan, access });
    const told: unknown[] = [];
    using _listening = world.nics.changed.on((nic) => told.push(nic));
    await world.nics.apply({ wan, access });
    assert.deepEqual(told, []);
  });

  it('tells of a cable that is pulled and plugged in again', async () => {
    await world.nics.apply({ wan, access: lan });
    const pulled = next(world.nics.changed);
    await world.setCarrier('lan0', false);
    assert.deepEqual(pick(await pulled), { role: 'access', linkUp: false });
    const plugged = next(world.nics.changed);
    await world.setCarrier('lan0', true);
    assert.deepEqual(pick(await plugged), { role: 'access', linkUp: true });
  });

  it('tells of an address that somebody adds', async () => {
    await world.nics.apply({ wan, access: lan });
    const told = next(world.nics.changed);
    await world.addAddress('wan0', '192.0.2.77/32');
    const nic = await told;
    assert.equal(nic.role, 'wan');
    assert.ok(nic.addresses.some(({ address }) => address === '192.0.2.77'));
  });

  it('says that a NIC is gone, and binds it again with its addresses when it is back', async () => {
    const config = { wan, access: { ...lan, addresses: ['192.0.2.1/24'], mtu: 1400 } };
    await world.nics.apply(config);
    const { ifindex } = world.nics.get('access');
    const gone = when(world.nics, () => {
      const { linkUp, addresses } = world.nics.get('access');
      return !linkUp && addresses.length === 0;
    });
    await world.remove('lan0');
    await gone;
    await assert.rejects(world.nics.counters('access'), (error) => isWeirError(error, 'NIC_MISSING'));

    const back = when(world.nics, () => {
      const nic = world.nics.get('access');
      return nic.linkUp && nic.mtu === 1400 && nic.addresses.some(({ address }) => address === '192.0.2.1');
    });
    await world.replaceLan();
    await back;
    assert.notEqual(world.nics.get('access').ifindex, ifindex);
    assert.ok((await world.inspect('lan0')).addresses.includes('192.0.2.1/24'));
  });

  it('knows the MAC address of a viewer it has met, in whatever form its address is written', async () => {
    await world.nics.apply({ wan, access: lan });
    for (const unknown of ['198.51.100.99', 'no address']) assert.equal(world.nics.macOf(unknown), undefined);
    for (const address of ['198.51.100.10', '2001:db8:2::10']) {
      const { mac } = await world.meet(address);
      assert.equal(world.nics.macOf(address), mac);
    }
    assert.equal(world.nics.macOf('2001:0DB8:2:0::10'), world.nics.macOf('2001:db8:2::10'));
  });

  it('counts bytes and packets in 64 bits', async () => {
    await world.nics.apply({ wan, access: lan });
    const before = await world.nics.counters('access');
    await world.traffic();
    const after = await world.nics.counters('access');
    assert.equal(typeof after.rxBytes, 'bigint');
    assert.ok(after.rxPackets > before.rxPackets);
    assert.ok(after.rxBytes - before.rxBytes >= after.rxPackets - before.rxPackets);
  });

  it('has no NIC before the first configuration and takes none after close', async () => {
    assert.throws(
      () => world.nics.get('wan'),
      (error) => isWeirError(error, 'NIC_MISSING'),
    );
    await world.nics.close();
    await world.nics.close();
    assert.equal((await refusal({ wan, access: lan })).code, 'ALREADY_CLOSED');
  });
}

const pick = ({ role, linkUp }: { role: string; linkUp: boolean }) => ({ role, linkUp });

/** Resolves when a change has made `condition` true. */
async function when(nics: Nics, condition: () => boolean): Promise<void> {
  while (!condition()) await next(nics.changed);
}
