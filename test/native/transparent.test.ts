import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { isWeirError, silentLog } from '#base';
import { openDatapath } from '../../hal/datapath/datapath.ts';
import { type DatapathWorld, loopbackWorld, next } from '../contract/datapath-world.ts';
import { rtp } from '../contract/media.ts';

/** Addresses that no NIC of ours has; the namespaces of the test runner route them to loopback. */
const foreign = { v4: '198.51.100.5', v6: '2001:db8::5' } as const;

const rules = `table inet weir_test {
  chain in {
    type filter hook prerouting priority mangle;
    socket transparent 1 meta mark set 1
  }
}`;

describe('transparent sockets', () => {
  let world: DatapathWorld;

  before(function () {
    // Needs CAP_NET_ADMIN, and routes that must not be made outside of the test runner's namespaces.
    if (process.env.WEIR_TEST_SANDBOX !== '1') return this.skip();
    execFileSync('ip', ['route', 'replace', '198.51.100.0/24', 'dev', 'lo']);
    execFileSync('ip', ['-6', 'route', 'replace', '2001:db8::/64', 'dev', 'lo']);
    // Answers to our transparent sockets come in, as the interception rules see to on the box.
    execFileSync('ip', ['rule', 'add', 'fwmark', '1', 'lookup', '100']);
    execFileSync('ip', ['route', 'replace', 'local', 'default', 'dev', 'lo', 'table', '100']);
    execFileSync('nft', ['-f', '-'], { input: rules });
  });

  after(() => {
    if (process.env.WEIR_TEST_SANDBOX !== '1') return;
    execFileSync('nft', ['delete', 'table', 'inet', 'weir_test']);
    execFileSync('ip', ['rule', 'del', 'fwmark', '1', 'lookup', '100']);
  });

  beforeEach(async () => {
    world = await loopbackWorld(openDatapath({ log: silentLog, realtime: false }), undefined);
  });

  afterEach(() => world.close());

  it('send media to a viewer from the address of the origin', async () => {
    const { datapath } = world;
    const feed = await datapath.createFeed({
      tracks: [{ clockRateHz: 90_000, codec: 'none', video: false }],
      ringBytes: 1 << 20,
      ringMs: 1000,
    });
    const upstream = await datapath.udpPair({ address: world.address, transparent: false });
    const [origin, viewer] = [await world.udp(), await world.udp()];
    await feed.receive([
      { track: 0, transport: 'udp', pair: upstream, rtpSource: origin.local, rtcpSource: origin.local },
    ]);
    const pair = await datapath.udpPair({ address: foreign.v4, transparent: true, rtpPort: 6970 });
    const target = { rtpTarget: viewer.local, rtcpTarget: viewer.local };
    const path = await feed.addViewer({
      tracks: [{ track: 0, transport: 'udp', pair, ...target }],
      startWaitMs: 0,
    });
    await path.play();
    origin.send(upstream.rtp, rtp({ seq: 1 }));
    const [datagram] = await viewer.arrived(1);
    assert.deepEqual(datagram?.from, { address: foreign.v4, port: 6970 });
  });

  it('connect to an origin from the address of the viewer', async () => {
    const { datapath, address } = world;
    const listener = await datapath.listen({ local: { address, port: 0 }, transparent: false });
    const accepted = next(listener.accepted);
    const local = { address: foreign.v4, port: 40_000 };
    const connection = await datapath.connect({
      remote: listener.local,
      local,
      transparent: true,
      timeoutMs: 1000,
    });
    assert.deepEqual(connection.local, local);
    assert.deepEqual((await accepted).remote, local);
    connection.stream.destroy();
    (await accepted).stream.destroy();
  });

  for (const address of Object.values(foreign)) {
    it(`are refused for ${address} without the option`, async () => {
      await assert.rejects(
        world.datapath.listen({ local: { address, port: 0 }, transparent: false }),
        (error) => {
          assert.ok(isWeirError(error, 'SOCKET_FAILED'));
          assert.equal(error.fields.errno, 'EADDRNOTAVAIL');
          return true;
        },
      );
    });

    it(`listen at ${address} with it`, async () => {
      const listener = await world.datapath.listen({ local: { address, port: 0 }, transparent: true });
      assert.equal(listener.local.address, address);
    });
  }
});
