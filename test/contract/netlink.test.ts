import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isWeirError, silentLog, systemClock } from '#base';
import { isErrno } from '../../hal/linux/netlink.ts';
import { type NetworkNotice, Rtnetlink } from '../../hal/linux/rtnetlink.ts';
import { next } from './datapath-world.ts';
import { describeReal } from './describe-real.ts';
import { devices, ip } from './network-world.ts';

/** Each change of a route is a notice of some 200 bytes: more of them than any socket holds. */
const FLOOD_ROUTES = 40_000;

describeReal('netlink', import.meta.filename, () => {
  let network: Rtnetlink;
  let folder: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weir-test-'));
    ip('link set lo up');
    ip('link add test0 type veth peer name test1');
    network = await Rtnetlink.open({ log: silentLog, clock: systemClock });
  });
  afterEach(async () => {
    await network.close();
    if (devices().includes('test0')) ip('link del test0');
    rmSync(folder, { recursive: true });
  });

  const linkNamed = async (device: string) => {
    const found = (await network.links()).find((link) => link.device === device);
    return found ?? assert.fail(`no ${device}`);
  };
  const heard = (wanted: (notice: NetworkNotice) => boolean) =>
    new Promise<void>((resolve) => {
      const listening = network.notice.on((notice) => {
        if (!wanted(notice)) return;
        listening[Symbol.dispose]();
        resolve();
      });
    });
  const linkSwitched = (up: boolean) =>
    heard((notice) => notice.kind === 'link' && notice.link.device === 'test0' && notice.link.up === up);
  /** ip(8) with many commands, while nothing else runs in this process. */
  const batch = (commands: readonly string[]) => {
    writeFileSync(join(folder, 'batch'), `${commands.join('\n')}\n`);
    execFileSync('ip', ['-batch', join(folder, 'batch')]);
  };

  it('answers 200 mixed requests that are made at once', async () => {
    const link = await linkNamed('test0');
    const requests = Array.from({ length: 200 }, (_, index) =>
      index % 2 === 0 ? network.links() : network.addAddress(link, `192.0.2.${index}`, 32),
    );
    await Promise.all(requests);
    const added = (await network.addresses()).filter(({ ifindex }) => ifindex === link.ifindex);
    assert.equal(added.length, 100);
  });

  it("says what was asked, the errno's name and the kernel's own words", async () => {
    const link = await linkNamed('test0');
    await assert.rejects(network.setMtu(link, 1_000_000_000), (error) => {
      assert.ok(isWeirError(error, 'NETLINK_FAILED') && isErrno(error, 'EINVAL'));
      assert.match(
        error.message,
        /set the MTU of test0 to 1000000000: EINVAL, mtu greater than device maximum/,
      );
      return true;
    });
    await assert.rejects(network.statistics(99_999), (error) => isErrno(error, 'ENODEV'));
  });

  it('takes what is as wanted already for done', async () => {
    const link = await linkNamed('test0');
    for (let time = 0; time < 2; time += 1) {
      await network.addAddress(link, '2001:db8::1', 64);
      await network.addLocalRoute({ family: 10, ifindex: 1, table: 900 });
    }
    for (let time = 0; time < 2; time += 1) {
      await network.removeAddress(link, '2001:db8::1', 64);
      await network.removeLocalRoute({ family: 10, ifindex: 1, table: 900 });
    }
    assert.deepEqual(await network.localRoutes(10, 900), []);
  });

  it('tells what others change', async () => {
    const switched = linkSwitched(true);
    const addressed = heard(
      ({ kind, ...rest }) => kind === 'address' && JSON.stringify(rest).includes('192.0.2.9'),
    );
    const ruled = heard((notice) => notice.kind === 'rule' && notice.rule.table === 901 && !notice.gone);
    ip('link set test0 up');
    ip('addr add 192.0.2.9/24 dev test0');
    ip('rule add fwmark 9 lookup 901');
    await Promise.all([switched, addressed, ruled]);
    ip('rule del fwmark 9 lookup 901');
  });

  it('writes nothing to the console for the notices it gets', async () => {
    const written: unknown[] = [];
    const { warn, error } = console;
    console.warn = (...words: unknown[]) => written.push(words);
    console.error = console.warn;
    try {
      const switched = linkSwitched(true);
      ip('link set test0 up');
      await switched;
    } finally {
      console.warn = warn;
      console.error = error;
    }
    assert.deepEqual(written, []);
  });

  it('goes on after a listener that throws', async () => {
    using _broken = network.notice.on(() => {
      throw new Error('broken listener');
    });
    for (const up of [true, false, true]) {
      const switched = linkSwitched(up);
      ip(`link set test0 ${up ? 'up' : 'down'}`);
      await switched;
    }
  });

  it('holds two sockets, and keeps them out of child processes', () => {
    const own = readdirSync('/proc/self/fd').map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    });
    const table = execFileSync('cat', ['/proc/self/net/netlink'], { encoding: 'utf8' });
    const ours = table.split('\n').filter((line) => {
      const inode = line.trim().split(/\s+/)[9];
      return inode !== undefined && own.includes(`socket:[${inode}]`);
    });
    assert.equal(ours.length, 2);
    const inChild = execFileSync('sh', ['-c', 'ls -l /proc/self/fd'], { encoding: 'utf8' });
    for (const line of ours) assert.ok(!inChild.includes(`socket:[${line.trim().split(/\s+/)[9]}]`));
  });

  it('says that notices were lost in a flood, and hears the next ones again', async function () {
    this.timeout(60_000);
    const { error } = console;
    // The library tells of ENOBUFS there, and there only.
    console.error = () => {};
    try {
      const lost = next(network.resynced);
      const routes = Array.from({ length: FLOOD_ROUTES }, (_, index) => {
        return `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}/32 dev lo table 902`;
      });
      batch([...routes.map((route) => `route add ${route}`), ...routes.map((route) => `route del ${route}`)]);
      await lost;
    } finally {
      console.error = error;
    }
    const switched = linkSwitched(true);
    ip('link set test0 up');
    await switched;
    assert.equal((await linkNamed('test0')).up, true);
  });

  it('refuses requests after close, which can be called twice', async () => {
    await Promise.all([network.close(), network.close()]);
    await assert.rejects(network.links(), (error) => isWeirError(error, 'ALREADY_CLOSED'));
  });
});
