import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import { createWorld, insideSandbox, type World } from '../../src/demo/world/index.ts';

/** A one-line UDP or TCP exchange needs no tool of its own: Node is there. */
const node = process.execPath;

describe('the world of namespaces', function () {
  this.timeout(30_000);
  let world: World;

  before(async function () {
    if (!insideSandbox()) this.skip(); // `npm test` runs these inside
    world = await createWorld({ prefix: 'w-', viewers: 3 });
  });
  after(() => world?.close());

  it('forwards IPv4 and IPv6 between every viewer and the origin', async () => {
    for (const { host } of world.viewers) {
      for (const address of [world.origin.address4, world.origin.address6]) {
        assert.match(await host.run('ping', ['-c', '1', '-W', '2', address]), / 1 received/);
      }
    }
  });

  it('shows the box each viewer with its own MAC address on lan0', async () => {
    for (const { host, address4 } of world.viewers) {
      const mac = /link\/ether (\S+)/.exec(await host.ip('link', 'show', 'eth0'))?.[1];
      assert.ok(mac);
      assert.match(await world.box.ip('neigh', 'show', address4), new RegExp(`dev lan0 lladdr ${mac}`));
    }
  });

  for (const { family, address, target } of [
    { family: 'IPv4', address: '198.19.200.7', target: 'address4' },
    { family: 'IPv6', address: '2001:db8:199::beef', target: 'address6' },
  ] as const) {
    it(`lets the first viewer bind any ${family} address of its block and be answered there`, async () => {
      const echo = await world.origin.host.spawn(node, [
        '-e',
        `require('node:net').createServer((s) => s.end(s.remoteAddress)).listen(7000, '::', () => console.log('up'))`,
      ]);
      await echo.prints(/up/);
      const answer = await world.viewer.host.run(node, [
        '-e',
        `require('node:net').connect({ host: '${world.origin[target]}', port: 7000, localAddress: '${address}' }).pipe(process.stdout)`,
      ]);
      assert.equal(answer.replace('::ffff:', ''), address);
      await echo.close();
    });
  }

  it('switches offloads of a device', async () => {
    await world.box.offload('lan0', { 'tx-udp-segmentation': false, gso: false });
    const off = await world.box.run('ethtool', ['-k', 'lan0']);
    assert.match(off, /tx-udp-segmentation: off/);
    assert.match(off, /generic-segmentation-offload: off/);
    await world.box.offload('lan0', { 'tx-udp-segmentation': true, gso: true });
    assert.match(await world.box.run('ethtool', ['-k', 'lan0']), /tx-udp-segmentation: on/);
  });

  it('names what a failing command said', async () => {
    await assert.rejects(world.box.run('ls', ['/nowhere']), (error) => {
      assert.ok(isWeirError(error, 'COMMAND_FAILED'));
      assert.match(error.describe(), /ls on box failed .*nowhere/);
      return true;
    });
  });

  it('kills a process that does not end when asked', async () => {
    const stubborn = await world.box.spawn(
      'sh',
      ['-c', 'trap "" TERM; echo ready; while :; do sleep 1; done'],
      {
        closeGraceMs: 100,
      },
    );
    await stubborn.prints(/ready/);
    await stubborn.close();
    assert.deepEqual(await stubborn.exited, { code: null, signal: 'SIGKILL' });
  });

  it('refuses to wait for output that cannot come any more', async () => {
    const brief = await world.box.spawn('true');
    await assert.rejects(brief.prints(/never/), (error) => isWeirError(error, 'COMMAND_FAILED'));
  });

  it('takes everything away at its end, processes and their children too', async () => {
    const other = await createWorld({ prefix: 'x-' });
    const parent = await other.viewer.host.spawn('sh', ['-c', 'setsid sleep 600 & echo $!; wait']);
    const [child] = await parent.prints(/\d+/);
    await other.close();
    await other.close();
    assert.throws(() => process.kill(Number(child), 0), { code: 'ESRCH' });
    assert.doesNotMatch(await world.box.run('ip', ['netns', 'list']), /^x-/m);
  });

  it('can be built twice in one sandbox under two prefixes, and again after its end', async () => {
    for (let round = 0; round < 2; round++) {
      await using other = await createWorld({ prefix: 'y-' });
      assert.match(await other.viewer.host.run('ping', ['-c', '1', other.origin.address4]), / 1 received/);
    }
  });

  it('undoes what was built when it cannot be built whole', async () => {
    await assert.rejects(createWorld({ prefix: 'w-' }), (error) => isWeirError(error, 'COMMAND_FAILED'));
    assert.match(await world.viewer.host.run('ping', ['-c', '1', world.origin.address4]), / 1 received/);
  });

  it('refuses a number of stations that fits on no side', async () => {
    for (const viewers of [0, 1.5, 201]) {
      await assert.rejects(createWorld({ prefix: 'z-', viewers }), (error) => isWeirError(error, 'USAGE'));
    }
  });

  it('hands each line on as it comes', async () => {
    const lines: string[] = [];
    const child = await world.box.spawn('sh', ['-c', 'echo one; echo two >&2; read x; echo "$x"'], {
      onLine: (line, stream) => lines.push(`${stream} ${line}`),
    });
    await child.prints(/two/);
    child.stdin.end('three\n');
    await child.success();
    assert.deepEqual(lines.toSorted(), ['stderr two', 'stdout one', 'stdout three']);
  });
});
