import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isWeirError, silentLog, systemClock } from '#base';
import type { Lease, NicConfig } from '#hal';
import { DhcpClients } from '../../hal/linux/dhcp-clients.ts';
import { DhcpProcesses } from '../../hal/linux/dhcp-runner.ts';
import { LinuxNics } from '../../hal/linux/nics.ts';
import { LinuxResolver } from '../../hal/linux/resolver.ts';
import { Rtnetlink } from '../../hal/linux/rtnetlink.ts';
import { until } from './datapath-world.ts';
import { describeReal } from './describe-real.ts';
import { DhcpServer } from './dhcp-server.ts';
import { ip, kernelHasVlans, NetworkWorld, originAt } from './network-world.ts';
import { noDuplicates } from './no-duplicates.ts';

const wan: NicConfig = { device: 'wan0', addresses: [], dhcp4: true };
const lan: NicConfig = { device: 'lan0', addresses: [] };
const range = 'dhcp-range=203.0.113.100,203.0.113.110,255.255.255.0,10m';
/** dhcpcd looks for five seconds whether somebody else has the address (RFC 5227). */
const leaseMs = 20_000;
/** After it has declined one it waits for ten more (RFC 2131 s.3.1), and looks again. */
const declinedMs = 45_000;

describeReal('DHCP', import.meta.filename, function (this: Mocha.Suite) {
  this.timeout(60_000);
  let world: NetworkWorld;
  let network: Rtnetlink;
  let resolver: LinuxResolver;
  let dhcp: DhcpClients;
  let nics: LinuxNics;
  let folder: string;
  let servers: DhcpServer[];

  before(() => {
    // What the client remembers of leases, and its sockets: of this mount namespace alone.
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/var/lib/dhcpcd']);
  });
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weir-dhcp-'));
    servers = [];
    world = await NetworkWorld.make();
    network = await Rtnetlink.open({ log: silentLog, clock: systemClock });
    await open();
  });
  afterEach(async () => {
    await nics.apply({ wan: { ...wan, dhcp4: false }, access: lan }).catch(() => {});
    await nics.close();
    await dhcp.close();
    await network.close();
    for (const server of servers) await server[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const open = async (program = 'dhcpcd'): Promise<void> => {
    const clock = systemClock;
    resolver = new LinuxResolver({ file: join(folder, 'resolv.conf'), log: silentLog });
    const runner = new DhcpProcesses({ folder, program, clock });
    dhcp = new DhcpClients({
      runner,
      folder,
      resolver,
      clock,
      log: silentLog,
    });
    await dhcp.open();
    nics = await LinuxNics.open({ network, dhcp, duplicates: noDuplicates(), log: silentLog });
  };
  const serve = async (...options: string[]): Promise<DhcpServer> => {
    const server = await DhcpServer.start(world.origin, join(folder, 'server-leases'), ...options);
    servers.push(server);
    return server;
  };
  const lease = (family: 4 | 6 = 4): Lease | undefined =>
    nics.get('wan').dhcp.find((one) => one.family === family)?.lease;
  /** The lease as it is wanted, and its address is on the NIC. */
  const leased = async (
    wanted: (lease: Lease) => boolean = () => true,
    withinMs = leaseMs,
  ): Promise<Lease> => {
    await until(() => {
      const found = lease();
      return found !== undefined && wanted(found) && has(bare(found.address));
    }, withinMs);
    return lease() ?? assert.fail('no lease');
  };
  const has = (address: string) => nics.get('wan').addresses.some((one) => one.address === address);
  const pid = (family = 4) => Number(readFileSync(join(folder, `wan0-${family}.pid`), 'utf8'));
  const runs = (id: number): boolean => {
    try {
      return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${id}/stat`, 'utf8'));
    } catch {
      return false;
    }
  };
  const bare = (address: string) => address.split('/')[0] ?? '';

  it('brings address, default route and name servers, and takes them away when it is switched off (RFC 2131 s.4.4.6)', async () => {
    const server = await serve(
      range,
      'dhcp-option=option:router,203.0.113.10',
      'dhcp-option=option:dns-server,192.0.2.53',
    );
    await nics.apply({ wan, access: lan });
    const { address, server: from, routers, nameServers, seconds } = await leased();
    assert.match(address, /^203\.0\.113\.1\d\d\/24$/);
    assert.deepEqual(
      [from, routers, nameServers, seconds],
      [originAt.v4, [originAt.v4], ['192.0.2.53'], 600],
    );
    assert.ok(has(bare(address)));
    const routes = async () => (await nics.routes()).filter(({ destination }) => destination === '0.0.0.0/0');
    assert.deepEqual(
      (await routes()).map(({ via, device, protocol }) => ({ via, device, protocol })),
      [{ via: originAt.v4, device: 'wan0', protocol: 'dhcp' }],
    );
    const resolvConf = () => readFileSync(join(folder, 'resolv.conf'), 'utf8');
    await until(() => resolvConf() === 'nameserver 192.0.2.53\n');
    const takeBack = await resolver.apply(['198.51.100.53', '192.0.2.53']);
    assert.equal(resolvConf(), 'nameserver 198.51.100.53\nnameserver 192.0.2.53\n');
    await takeBack();
    assert.equal(resolvConf(), 'nameserver 192.0.2.53\n');
    const client = pid();

    await nics.apply({ wan: { ...wan, dhcp4: false }, access: lan });
    await server.logs(/DHCPRELEASE/);
    assert.equal(runs(client), false);
    await until(() => !has(bare(address)));
    assert.deepEqual(await routes(), []);
    assert.equal(resolvConf(), '');
  });

  it('is left alone by a configuration that says the same, and by one that changes something else', async () => {
    await serve(range);
    await nics.apply({ wan, access: lan });
    const { address } = await leased();
    const client = pid();
    const told: unknown[] = [];
    using _listening = nics.changed.on((nic) => nic.role === 'wan' && told.push(nic));
    await nics.apply({ wan, access: lan });
    await nics.apply({ wan, access: { ...lan, addresses: ['198.51.100.1/24', '192.0.2.7/24'] } });
    assert.deepEqual(told, []);
    assert.equal(pid(), client);
    assert.ok(runs(client) && has(bare(address)));
  });

  it('is no reason to wait or to fail: without a server there is no lease until one comes', async () => {
    await nics.apply({ wan, access: lan });
    assert.deepEqual(nics.get('wan').dhcp, [{ family: 4, lease: undefined }]);
    await serve(range);
    await leased();
  });

  it('renews its lease in time (RFC 2131 s.4.4.5)', async () => {
    const server = await serve(range, 'dhcp-option-force=58,5');
    await nics.apply({ wan, access: lan });
    const { address, obtainedAt } = await leased();
    const renewed = await leased((one) => one.obtainedAt > obtainedAt);
    assert.equal(renewed.address, address);
    await server.logs(/DHCPACK[\s\S]*DHCPACK/);
  });

  it('keeps its address while the cable is out, and asks anew when it is back: another network has another one', async () => {
    const server = await serve(range);
    await nics.apply({ wan, access: lan });
    const { address } = await leased();
    await world.origin.call('ip', 'link set eth0 down');
    await until(() => !nics.get('wan').linkUp);
    assert.ok(has(bare(address)));
    await server[Symbol.asyncDispose]();
    await world.origin.call('ip', 'addr add 192.0.2.1/24 dev eth0');
    await world.origin.call('ip', 'addr del 203.0.113.10/24 dev eth0');
    await world.origin.call('ip', 'link set eth0 up');
    const other = await serve('dhcp-range=192.0.2.100,192.0.2.110,255.255.255.0,10m');
    const next = await leased((one) => one.address.startsWith('192.0.2.'));
    await other.logs(/DHCPNAK/);
    assert.ok(has(bare(next.address)));
    await until(() => !has(bare(address)));
  });

  it('keeps its address when the client is killed, and has a client again soon', async () => {
    await serve(range);
    await nics.apply({ wan, access: lan });
    const { address } = await leased();
    const killed = pid();
    process.kill(killed, 'SIGKILL');
    await until(() => pid() !== killed && runs(pid()), 10_000);
    assert.ok(has(bare(address)));
    const again = await leased();
    assert.equal(again.address, address);
  });

  it('goes on without Weir, and the next Weir finds client and lease', async () => {
    await serve(range);
    await nics.apply({ wan, access: lan });
    const before = await leased();
    const client = pid();
    await nics.close();
    await dhcp.close();
    assert.ok(runs(client));
    await open();
    await nics.apply({ wan, access: lan });
    assert.deepEqual(lease(), before);
    assert.equal(pid(), client);
    await nics.close();
    await dhcp.close();
    // One whose configuration says otherwise by now stops it.
    await open();
    await nics.apply({ wan: { ...wan, dhcp4: false }, access: lan });
    assert.equal(runs(client), false);
  });

  it('declines an address that somebody else has, and takes another one (RFC 5227)', async () => {
    const mac = nics.list().then((all) => all.find(({ device }) => device === 'wan0')?.mac);
    // A second host on the link.
    await world.origin.call(
      'ip',
      `link add link eth0 name twin netns ${world.viewer.pid} type macvlan mode bridge`,
    );
    await world.viewer.call('ip', 'addr add 203.0.113.77/24 dev twin');
    await world.viewer.call('ip', 'link set twin up');
    const server = await serve(range, `dhcp-host=${await mac},203.0.113.77`);
    await nics.apply({ wan, access: lan });
    const { address } = await leased(undefined, declinedMs);
    await server.logs(/DHCPDECLINE/);
    assert.notEqual(bare(address), '203.0.113.77');
  });

  it('brings an IPv6 address by DHCPv6, its default route by router advertisements (RFC 8415 s.1, RFC 4861 s.6.3.4)', async () => {
    await world.origin.call('sysctl', 'net/ipv6/conf/all/forwarding', '1');
    writeFileSync('/proc/sys/net/ipv6/conf/wan0/accept_ra', '2');
    await serve(
      'dhcp-range=2001:db8:1::100,2001:db8:1::1ff,64,10m',
      'enable-ra',
      'dhcp-option=option6:dns-server,[2001:db8:53::1]',
    );
    await nics.apply({ wan: { ...wan, dhcp4: false, dhcp6: true }, access: lan });
    await until(() => lease(6) !== undefined, leaseMs);
    const found = lease(6);
    assert.match(found?.address ?? '', /^2001:db8:1::1[0-9a-f]{2}\/128$/);
    assert.deepEqual(found?.nameServers, ['2001:db8:53::1']);
    assert.ok(has(bare(found?.address ?? '')));
    await until(async () =>
      (await nics.routes()).some((one) => one.destination === '::/0' && one.protocol === 'ra'),
    );
    await nics.apply({ wan: { ...wan, dhcp4: false }, access: lan });
    await until(() => !has(bare(found?.address ?? '')));
  });

  it('works on a VLAN', async function () {
    if (!kernelHasVlans()) this.skip();
    await world.origin.call('ip', 'addr del 203.0.113.10/24 dev eth0');
    await world.origin.call('ip', 'link add link eth0 name vlan7 type vlan id 7');
    await world.origin.call('ip', 'addr add 203.0.113.10/24 dev vlan7');
    await world.origin.call('ip', 'link set vlan7 up');
    await serve(range, 'interface=vlan7');
    await nics.apply({ wan: { ...wan, vlan: 7 }, access: lan });
    const { address } = await leased();
    assert.ok(has(bare(address)));
    assert.equal(nics.get('wan').device, 'wan.7');
    await nics.apply({ wan: { ...wan, dhcp4: false }, access: lan });
    assert.deepEqual(dhcp.running, []);
  });

  it('says which package is missing, and leaves everything as it was', async () => {
    await nics.close();
    await dhcp.close();
    await open(join(folder, 'nothing'));
    const before = ip('addr show wan0');
    const applied = nics.apply({ wan: { ...wan, mtu: 1400, addresses: ['192.0.2.9/24'] }, access: lan });
    await assert.rejects(applied, { code: 'MISSING_PROGRAM', advice: 'apt-get install dhcpcd-base' });
    assert.equal(
      ip('addr show wan0').replace(/valid_lft \d+.*/g, ''),
      before.replace(/valid_lft \d+.*/g, ''),
    );
  });

  it('refuses a gateway that is in no subnet of the NIC, and leaves everything as it was', async () => {
    const before = ip('route') + ip('addr show wan0');
    const routes = [
      { prefix: '10.0.0.0/8', via: '203.0.113.10' },
      { prefix: '0.0.0.0/0', via: '192.0.2.254' },
    ];
    const error = await nics.apply({ wan: { ...lan, device: 'wan0', routes }, access: lan }).then(
      () => assert.fail('should reject'),
      (rejection: unknown) => (isWeirError(rejection) ? rejection : assert.fail(String(rejection))),
    );
    assert.match(error.describe(), /the gateway 192\.0\.2\.254 is not in a subnet of wan0.*-> give the NIC/);
    assert.equal(ip('route') + ip('addr show wan0'), before);
  });

  it('tells that somebody else has a static IPv6 address (RFC 4862 s.5.4.5)', async () => {
    writeFileSync('/proc/sys/net/ipv6/conf/wan0/accept_dad', '1');
    await world.origin.call('ip', 'addr add 2001:db8:1::77/64 dev eth0 nodad');
    await nics.apply({ wan: { device: 'wan0', addresses: ['2001:db8:1::77/64'] }, access: lan });
    await until(() => nics.get('wan').addresses.some((one) => one.duplicate === true), 10_000);
  });

  it('puts routes and addresses back that the kernel forgot when somebody switched the NIC off and on', async () => {
    const routes = [{ prefix: '10.0.0.0/8', via: '203.0.113.10' }];
    const addresses = ['203.0.113.1/24', '2001:db8:1::1/64'];
    await nics.apply({ wan: { device: 'wan0', addresses, routes }, access: lan });
    ip('link set wan0 down');
    ip('link set wan0 up');
    const own = async () => (await nics.routes()).filter(({ protocol }) => protocol === 'weir').length;
    await until(async () => (await own()) === 1 && has('2001:db8:1::1'));
  });
});
