import { strict as assert } from 'node:assert';
import type { World } from '../../src/demo/world/index.ts';
import { ForeignTraffic } from './foreign-traffic.ts';
import { createLabWorld } from './lab-world.ts';
import { WebOrigin } from './origin-web.ts';
import type { Packet } from './pcap.ts';
import { text } from './tcp-connections.ts';
import { Weir } from './weir.ts';
import { Witness } from './witness.ts';

const gibibyte = 1 << 30;

describe('lab: what is not RTSP passes the box unharmed', function () {
  this.timeout(120_000);
  let world: World;
  let web: WebOrigin;
  let weir: Weir;

  before(async () => {
    world = await createLabWorld();
    const ports = { httpPorts: [80, 554], tlsPort: 443, greetingPorts: [8554] };
    web = await WebOrigin.start(world.origin.host, { ...ports, fileBytes: gibibyte });
    weir = await Weir.start(world);
  });
  after(async () => {
    await weir?.close();
    await web?.close();
    await world?.close();
  });

  for (const family of ['IPv4', 'IPv6'] as const) {
    describe(family, () => {
      let traffic: ForeignTraffic;
      let viewer: string;
      before(() => {
        const v4 = family === 'IPv4';
        traffic = new ForeignTraffic(world.viewer.host, v4 ? world.origin.address4 : world.origin.address6);
        viewer = v4 ? world.viewer.address4 : world.viewer.address6;
      });

      /**
       * Who carries what `act` opens to `port`: the kernel, when the connection on wan0 is the viewer's own; Weir, when it
       * comes from the viewer's address all the same, but is another connection.
       */
      async function carriers(port: number, act: () => Promise<void>): Promise<string[]> {
        await using witness = await Witness.start(world);
        await act();
        const seen = await witness.stop();
        const dialled = new Set(opens(seen.viewer, port).map(({ source }) => text(source)));
        return opens(seen.wan, port).map(({ source }) => {
          if (source.address !== viewer) return source.address;
          return dialled.has(text(source)) ? 'the kernel' : 'Weir';
        });
      }

      it('HTTP, TLS and ICMP on other ports are the viewer and the origin alone', async () => {
        const seen = await carriers(80, async () => {
          assert.equal(await traffic.page(80), 'hello from the origin\n');
        });
        assert.deepEqual(seen, ['the kernel']);
        assert.equal(await traffic.page(443, 'https'), 'hello from the origin\n');
        assert.equal(await traffic.pings(3), 3);
      });

      it('HTTP on an intercepted port is answered, and later connections bypass the box', async () => {
        const get = async () => assert.equal(await traffic.page(554), 'hello from the origin\n');
        assert.deepEqual(await carriers(554, get), ['Weir']);
        assert.deepEqual(await carriers(554, get), ['the kernel']);
      });

      it('a server that speaks first on an intercepted port is heard, and later connections bypass', async () => {
        const greet = async () =>
          assert.deepEqual(await traffic.greeting(8554, 'HELO'), ['220 the origin greets', '250 HELO']);
        assert.deepEqual(await carriers(8554, greet), ['Weir']);
        assert.deepEqual(await carriers(8554, greet), ['the kernel']);
      });
    });
  }

  describe('1 GiB', () => {
    let traffic: ForeignTraffic;
    before(async () => {
      // Bypasses of the tests before do not outlive the Weir that made them.
      await weir.close();
      weir = await Weir.start(world);
      traffic = new ForeignTraffic(world.viewer.host, world.origin.address4);
    });

    it('arrives whole past the box', async () => {
      assert.equal(await traffic.transfer(80), web.fileSha256);
    });

    it('arrives whole through Weir, from an intercepted port', async () => {
      assert.equal(await traffic.transfer(554), web.fileSha256);
    });

    it('arrives whole when the connection bypasses the box', async () => {
      assert.equal(await traffic.transfer(554), web.fileSha256);
    });
  });
});

/** The connections opened to `port`. */
function opens(packets: readonly Packet[], port: number): Packet[] {
  return packets.filter(({ tcp, destination }) => tcp?.syn && !tcp.ack && destination.port === port);
}
