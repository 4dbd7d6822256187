import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostProcess, World } from '../../src/demo/world/index.ts';
import { createLabWorld } from './lab-world.ts';
import { Weir } from './weir.ts';

const resolvConf = '/run/weir/resolv.conf';
/** Of busybox: other servers lend for two minutes at least. */
const leaseSeconds = 20;
/** To ask, and to look whether somebody else has the address (RFC 5227), with some patience. */
const leasedMs = 30_000;

describe('lab: a lease that runs out', function () {
  this.timeout(180_000);
  let world: World;
  let weir: Weir;
  let folder: string;

  before(async () => {
    // What the client remembers, of this mount namespace alone.
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/var/lib/dhcpcd']);
    world = await createLabWorld();
    folder = await mkdtemp(join(tmpdir(), 'weir-lease-'));
  });
  after(async () => {
    await weir
      ?.configure('delete interfaces wan dhcp4', 'delete system nameServers', 'commit')
      .catch(() => {});
    await weir?.close();
    await world?.close();
    await rm(folder, { recursive: true });
  });

  const serve = async (): Promise<HostProcess> => {
    const file = join(folder, 'udhcpd.conf');
    const lines = [
      'start 203.0.113.100',
      'end 203.0.113.110',
      'interface eth0',
      `lease_file ${join(folder, 'leases')}`,
      'min_lease 10',
      `option lease ${leaseSeconds}`,
      'option subnet 255.255.255.0',
      `option router ${world.origin.address4}`,
      'option dns 192.0.2.53',
    ];
    await writeFile(file, `${lines.join('\n')}\n`);
    await writeFile(join(folder, 'leases'), '');
    return await world.origin.host.spawn('busybox', ['udhcpd', '-f', file]);
  };
  const addresses = () => world.box.ip('-4', '-brief', 'address', 'show', 'wan0');
  const defaultRoute = () => world.box.ip('route', 'show', 'default');
  const comes = async (what: string, wanted: () => Promise<boolean>, withinMs: number) => {
    for (const until = Date.now() + withinMs; !(await wanted()); ) {
      assert.ok(Date.now() < until, `${what}: not within ${withinMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const stands = async (name: string) => (await weir.show()).alarms.some((alarm) => alarm.name === name);

  it('takes address, route and name servers along, is told of, and all comes back with the server (RFC 2131 s.4.4.5)', async () => {
    const server = await serve();
    weir = await Weir.start(world, { wan: { dhcp4: true }, system: { nameServers: ['198.51.100.53'] } });
    const leased = async () =>
      /203\.0\.113\.1\d\d\/24/.test(await addresses()) && / via 203\.0\.113\.10 /.test(await defaultRoute());
    await comes('a lease', leased, leasedMs);
    assert.equal(await readFile(resolvConf, 'utf8'), 'nameserver 198.51.100.53\nnameserver 192.0.2.53\n');
    // The address of before went, as a family that is got by DHCP has none but those of the configuration.
    assert.equal((await addresses()).match(/203\.0\.113\./g)?.length, 1);

    server.kill('SIGKILL');
    await server.exited;
    await comes('the end of the lease', async () => !(await leased()), (leaseSeconds + 10) * 1000);
    assert.doesNotMatch(await addresses(), /203\.0\.113\.1\d\d/);
    assert.equal(await defaultRoute(), '');
    // What the configuration says stays.
    await comes(
      'no name server of the lease',
      async () => (await readFile(resolvConf, 'utf8')) === 'nameserver 198.51.100.53\n',
      5_000,
    );
    await comes('the alarm', () => stands('nic.noLease'), 40_000);

    await using again = await serve();
    await comes('another lease', leased, 2 * leasedMs);
    await comes('the end of the alarm', async () => !(await stands('nic.noLease')), 5_000);
    assert.equal(await readFile(resolvConf, 'utf8'), 'nameserver 198.51.100.53\nnameserver 192.0.2.53\n');
    assert.ok(again);
  });
});
