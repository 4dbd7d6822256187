import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { FeedPath, InterceptionPlan, UdpPair } from '#hal';
import { next, until } from './datapath-world.ts';
import { describeReal } from './describe-real.ts';
import { type RealInterceptionWorld, realInterceptionWorld } from './interception-world.ts';
import { boxOnWan, ip, originAt, viewerAt } from './network-world.ts';
import { nftRuleset } from './nft-program.ts';

const families = ['v4', 'v6'] as const;
const SILENCE_MS = 400;
const firstLine = (outcome: { greeting: string } | { error: string }) =>
  'greeting' in outcome ? outcome.greeting : outcome.error;

describeReal('real packets', import.meta.filename, () => {
  let world: RealInterceptionWorld;
  beforeEach(async () => {
    world = await realInterceptionWorld();
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
  });

  const start = async (plan: Partial<InterceptionPlan> = {}) => {
    await world.interception.apply({ ...world.plan, ...plan });
    await world.interception.renew();
  };
  const dial = async (address: string, localPort = 0) => {
    const outcome = await world.network.viewer.call('dial', address, 554, SILENCE_MS, localPort);
    if ('error' in outcome) throw new Error(`dial ${address}: ${outcome.error}`);
    return outcome;
  };

  it('leaves connections alone that were there before Weir', async () => {
    const before = await Promise.all(families.map((family) => dial(originAt[family])));
    await start();
    for (const { id } of before) {
      assert.equal(await world.network.viewer.call('say', id, 'still there?'), 'still there?');
    }
    await world.interception.close();
    for (const { id } of before)
      assert.equal(await world.network.viewer.call('say', id, 'and now?'), 'and now?');
  });

  it('keeps intercepted connections while the plan is replaced and while it stops intercepting', async () => {
    await start();
    const held = await Promise.all(families.map((family) => dial(originAt[family])));
    await world.interception.apply({ ...world.plan, ports: [8554] });
    await world.pass(3_100);
    for (const { id, greeting } of held) {
      assert.match(greeting, /^weir /);
      assert.equal(await world.network.viewer.call('say', id, 'hello'), 'hello');
    }
  });

  it('keeps intercepted connections when it is stopped', async () => {
    await start();
    const held = await Promise.all(families.map((family) => dial(originAt[family])));
    await world.interception.stop();
    for (const { id } of held) assert.equal(await world.network.viewer.call('say', id, 'hello'), 'hello');
  });

  it('takes a viewer that uses its port again while our end of its last connection is in TIME_WAIT', async () => {
    await start();
    for (const family of families) {
      const { id } = await dial(originAt[family], 40_001);
      await world.network.viewer.call('say', id, 'hello');
      const ended = world.network.viewer.call('farEnd', id);
      void world.network.viewer.call('say', id, 'bye');
      await ended;
      await world.network.viewer.call('hangUp', id);
      const before = await world.network.viewer.call('retransmissions');
      assert.match((await dial(originAt[family], 40_001)).greeting, /^weir /);
      // A SYN that the old socket gets is answered by an ACK, and only repeated SYNs reach the listener.
      assert.equal(await world.network.viewer.call('retransmissions'), before);
    }
  });

  it('removes table, rules and routes when it is closed', async () => {
    await start();
    assert.match(nftRuleset(), /table inet weir/);
    await world.interception.close();
    assert.doesNotMatch(nftRuleset(), /weir/);
    for (const family of ['', '-6 ']) {
      assert.doesNotMatch(ip(`${family}rule`), /554/);
      assert.doesNotMatch(ip(`${family}route show table all`), /554/);
    }
  });

  it('starts over what a Weir left that was killed, without doubling it', async () => {
    const killed = fork(join(import.meta.dirname, 'interception-process.ts'));
    killed.send({ ...world.plan, whenDown: 'closed' });
    await once(killed, 'message');
    assert.match(firstLine(await world.network.viewer.call('dial', originAt.v4, 554, SILENCE_MS)), /^weir /);
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    await world.pass(3_100);
    assert.equal((await world.dial(originAt.v4, 554)).at, 'nothing');

    await start();
    for (const family of families) assert.equal((await world.dial(originAt[family], 554)).at, 'weir');
    for (const family of ['', '-6 ']) assert.equal(ip(`${family}rule`).match(/lookup 554/g)?.length, 1);
    assert.equal(nftRuleset().match(/tproxy/g)?.length, 2);
    assert.doesNotMatch(nftRuleset(), /drop/);
  });

  for (const masquerade of [false, true]) {
    it(`gets the answers to a connection made with a viewer's address, masquerade ${masquerade}`, async () => {
      await world.forwarding.apply({ wanDevice: 'wan0', accessDevice: 'lan0', masquerade });
      await start();
      for (const family of families) {
        const { stream, local } = await world.datapath.connect({
          remote: { address: originAt[family], port: 554 },
          local: { address: viewerAt[family], port: 0 },
          transparent: true,
          timeoutMs: 2_000,
        });
        assert.equal(local.address, viewerAt[family]);
        const [greeting] = await once(stream, 'data');
        // The origin tells whom it sees; masquerading is for IPv4.
        const seen = masquerade && family === 'v4' ? boxOnWan.v4 : viewerAt[family];
        assert.equal(String(greeting), `origin ${seen}\n`);
        stream.destroy();
      }
    });
  }

  describe('of media, which leave with the address of the origin', () => {
    let feed: FeedPath;
    let toOrigin: UdpPair;
    let media: number;
    let seq = 0;

    beforeEach(async () => {
      await start();
      feed = await world.datapath.createFeed({
        tracks: [{ clockRateHz: 90_000, codec: 'none', video: true }],
        ringBytes: 1_048_576,
        ringMs: 1_000,
        catchUp: { maxMs: 1_000, maxBytes: 1_048_576 },
      });
      toOrigin = await world.datapath.udpPair({ address: boxOnWan.v4, transparent: false });
      const source = (port: number) => ({ address: originAt.v4, port });
      await feed.receive([
        { track: 0, transport: 'udp', pair: toOrigin, rtpSource: source(6970), rtcpSource: source(6971) },
      ]);
      media = await world.network.origin.call('udp', originAt.v4, 6970);
    });

    /** RFC 3550 s.5.1: version 2, payload type 96. */
    const sendMedia = async () => {
      seq += 1;
      const packet = Buffer.alloc(16);
      packet.writeUInt16BE(0x8060, 0);
      packet.writeUInt16BE(seq, 2);
      packet.writeUInt32BE(seq * 3_000, 4);
      await world.network.origin.call(
        'udpSend',
        media,
        toOrigin.rtp.address,
        toOrigin.rtp.port,
        packet.toString('latin1'),
      );
    };

    const addViewer = async (family: 'v4' | 'v6', port: number) => {
      const pair = await world.datapath.udpPair({
        address: originAt[family],
        transparent: true,
        rtpPort: 6970,
      });
      const target = (at: number) => ({ address: viewerAt[family], port: at });
      await sendMedia();
      const viewer = await feed.addViewer({
        tracks: [{ track: 0, transport: 'udp', pair, rtpTarget: target(port), rtcpTarget: target(port + 1) }],
        startWaitMs: 1_000,
      });
      await viewer.play();
      return viewer;
    };

    for (const family of families) {
      it(`hears a viewer's hole punch to the origin's address (UDP${family})`, async () => {
        const viewer = await addViewer(family, 5_000);
        const socket = await world.network.viewer.call('udp', viewerAt[family], 5_000);
        assert.equal(viewer.counters().lastRxMonoNs, 0n);
        await world.network.viewer.call('udpSend', socket, originAt[family], 6970, '\x80\xce\x00\x00');
        await until(() => viewer.counters().lastRxMonoNs > 0n);
      });

      it(`hears that a viewer's port is closed (ICMP${family}), which only the origin would otherwise`, async () => {
        const viewer = await addViewer(family, 5_000);
        const refused = next(viewer.refused);
        const sending = setInterval(() => void sendMedia(), 50);
        try {
          await refused;
        } finally {
          clearInterval(sending);
        }
        assert.ok(viewer.counters().refusals >= 3n);
      });
    }
  });
});
