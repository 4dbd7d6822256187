import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog, systemClock } from '#base';
import { ArpProgram } from '../../hal/linux/arp-probe.ts';
import { DhcpClients } from '../../hal/linux/dhcp-clients.ts';
import { DhcpProcesses } from '../../hal/linux/dhcp-runner.ts';
import { DuplicateWatch } from '../../hal/linux/duplicate-watch.ts';
import { LinuxNics } from '../../hal/linux/nics.ts';
import { LinuxResolver } from '../../hal/linux/resolver.ts';
import { Rtnetlink } from '../../hal/linux/rtnetlink.ts';
import { until } from './datapath-world.ts';
import { describeReal } from './describe-real.ts';
import { boxOnWan, ip, NetworkWorld, originAt } from './network-world.ts';

const verb = join(import.meta.dirname, '..', '..', 'image', 'libexec', 'verb-arp-probe');
/** Three probes take about four seconds; the addresses of both NICs are asked for one after the other. */
const probesMs = 20_000;

describeReal('static IPv4 addresses', import.meta.filename, function (this: Mocha.Suite) {
  this.timeout(60_000);
  let world: NetworkWorld;
  let strangers: string;

  beforeEach(async () => {
    world = await NetworkWorld.make();
    await world.origin.call('ip', `addr add ${boxOnWan.v4}/32 dev eth0`);
    const [link] = JSON.parse(
      spawnSync('nsenter', ['-t', String(world.origin.pid), '-n', ...'ip -j link show eth0'.split(' ')], {
        encoding: 'utf8',
      }).stdout,
    );
    strangers = link.address;
  });
  afterEach(() => world[Symbol.asyncDispose]());

  it('that somebody else has, too, stay and are told of, with who that is, until it is over (RFC 5227)', async () => {
    const clock = systemClock;
    const log = silentLog;
    const folder = mkdtempSync(join(tmpdir(), 'weir-duplicates-'));
    await using network = await Rtnetlink.open({ log, clock });
    const runner = new DhcpProcesses({ folder, program: 'dhcpcd', clock });
    await using dhcp = new DhcpClients({
      runner,
      folder,
      resolver: new LinuxResolver({ file: join(folder, 'resolv.conf'), log }),
      clock,
      log,
    });
    await using duplicates = new DuplicateWatch({ probe: new ArpProgram(), clock, log });
    await using nics = await LinuxNics.open({ network, dhcp, duplicates, log });
    try {
      const addresses = [`${boxOnWan.v4}/24`, '203.0.113.2/24'];
      await nics.apply({ wan: { device: 'wan0', addresses }, access: { device: 'lan0', addresses: [] } });
      const found = () => nics.get('wan').addresses.find(({ address }) => address === boxOnWan.v4);
      await until(() => found()?.duplicate === true, probesMs);
      assert.equal(found()?.holder, strangers);
      assert.match(ip('addr show wan0'), /inet 203\.0\.113\.1\/24/);
      const listed = (await nics.list()).flatMap((port) =>
        port.addresses.filter(({ duplicate }) => duplicate),
      );
      assert.deepEqual(
        listed.map(({ address }) => address),
        [boxOnWan.v4],
      );
      // The cable out and in: what was known is asked for anew.
      await world.origin.call('ip', `addr del ${boxOnWan.v4}/32 dev eth0`);
      await world.origin.call('ip', 'link set eth0 down');
      await until(() => !nics.get('wan').linkUp);
      await world.origin.call('ip', 'link set eth0 up');
      await until(() => nics.get('wan').linkUp && found()?.duplicate === undefined, probesMs);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  for (const program of ['arping', 'busybox arping']) {
    it(`are asked for on a gateway by a verb of root's, with ${program}`, () => {
      const ask = (address: string) =>
        spawnSync('sh', [verb], {
          input: `wan0\t${address}\n`,
          env: { ...process.env, WEIR_ARPING: program },
          encoding: 'utf8',
        }).stdout.toLowerCase();
      assert.equal(ask(boxOnWan.v4), `${strangers}\nok\n`);
      assert.equal(ask(originAt.v4), `${strangers}\nok\n`);
      assert.equal(ask('203.0.113.2'), 'ok\n');
    });
  }
});
