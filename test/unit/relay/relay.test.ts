import assert from 'node:assert/strict';
import { silentLog, WeirError } from '#base';
import { openSimHal, type SimHal } from '../../../hal/sim/sim-hal.ts';
import { parseConfig } from '../../../src/config/index.ts';
import { Relay } from '../../../src/relay.ts';
import { HandClock, settled } from '../session/scripted.ts';
import { originAt, rtp, SimRtspOrigin, SimRtspViewer, url } from './sim-relay.ts';

const interfaces = {
  wan: { device: 'wan0', addresses: ['203.0.113.2/24'] },
  access: { device: 'lan0' },
};
const configOf = (relay: object = {}, wan: object = {}) =>
  parseConfig({ interfaces: { ...interfaces, wan: { ...interfaces.wan, ...wan } }, relay });

describe('Relay', () => {
  let hal: SimHal;
  let clock: HandClock;
  let relay: Relay | undefined;
  let ports = 20_000;

  beforeEach(async () => {
    clock = new HandClock();
    hal = await openSimHal({ clock });
    relay = undefined;
  });
  afterEach(async () => {
    await relay?.close();
    await hal.close();
  });

  const start = async (config = configOf()) => {
    relay = await Relay.start({ config, hal, log: silentLog, clock });
    return relay;
  };
  const dialled = () => hal.interception.dial('203.0.113.10', 554);
  const dial = (to = originAt) => {
    ports += 1;
    const from = { address: to.address.includes(':') ? '2001:db8:2::5' : '198.51.100.5', port: ports };
    return hal.datapath.dial(from, to);
  };
  const viewer = (to = originAt) =>
    new SimRtspViewer(dial(to), (port) => void hal.datapath.udpSocket({ address: '198.51.100.5', port }));
  const serveRtsp = (at = originAt) => {
    const origin = new SimRtspOrigin();
    origin.playing = () => {
      for (const feed of hal.datapath.feeds) {
        feed.push(0, rtp({ seq: 1, rtpTime: 0, payload: Buffer.from([0x65, 0x88]) }));
        feed.push(1, rtp({ seq: 1, rtpTime: 0, payload: Buffer.alloc(10) }));
      }
    };
    hal.datapath.serve(at, (stream) => origin.serve(stream));
    return origin;
  };
  const serveHttp = () =>
    hal.datapath.serve(originAt, (stream) => {
      stream.on('error', () => {});
      stream.on('data', () => stream.end('HTTP/1.1 200 OK\r\n\r\n'));
    });
  /** A conversation that is none of RTSP's, to its end. */
  const browse = async () => {
    const stream = dial();
    const over = new Promise((resolve) =>
      stream
        .on('error', () => {})
        .on('end', resolve)
        .resume(),
    );
    stream.write('GET / HTTP/1.1\r\n\r\n');
    await over;
    await settled();
  };

  it('intercepts once it has started, and nothing any more once it is closed', async () => {
    const running = await start();
    assert.equal(dialled(), 'weir');
    assert.deepEqual(hal.forwarding.applied, { wanDevice: 'wan0', accessDevice: 'lan0', masquerade: false });
    assert.deepEqual(hal.nics.inspect('wan0').addresses, ['203.0.113.2/24']);
    await running.close();
    assert.equal(dialled(), 'origin');
    assert.throws(() => dial(), /ECONNREFUSED/);
  });

  it('stops intercepting first, then ends its viewers, their origins, their connections, and the rules last', async () => {
    const origin = serveRtsp();
    const running = await start();
    const watching = viewer();
    assert.equal((await watching.watch('tcp')).at(-1)?.status, 200);
    const order: string[] = [];
    const { interception } = hal;
    for (const step of ['stop', 'close'] as const) {
      const run = interception[step].bind(interception);
      interception[step] = () => {
        if (!order.includes(step)) order.push(step);
        return run();
      };
    }
    running.monitor.viewerEnded.on(() => order.push('viewer'));
    origin.scripts.set('TEARDOWN', () => {
      order.push(watching.ended ? 'TEARDOWN after the connection' : 'TEARDOWN');
      return undefined;
    });
    await running.close();
    assert.deepEqual(order, ['stop', 'viewer', 'TEARDOWN', 'close']);
    assert.equal(await watching.next(), undefined);
  });

  const failure = new WeirError('COMMAND_FAILED', 'scripted');
  const steps: Record<string, () => void> = {
    listening: () => hal.datapath.failNext('listen', failure),
    'the NICs': () => hal.nics.failNext(failure),
    forwarding: () => hal.forwarding.failNext(failure),
    interception: () => hal.interception.failNext(failure),
    'the first beat': () => hal.datapath.failNext('ping', failure),
  };
  for (const [step, fail] of Object.entries(steps)) {
    it(`leaves nothing half-installed when it fails at ${step}`, async () => {
      fail();
      await assert.rejects(start(), (error) => error === failure);
      assert.equal(hal.interception.plan, undefined);
      assert.equal(dialled(), 'origin');
      assert.throws(() => dial(), /ECONNREFUSED/);
    });
  }

  it('does not forward before its rules are there, past which nobody gets where the box is to be closed', async () => {
    hal.interception.failNext(failure);
    await assert.rejects(start(), (error) => error === failure);
    assert.equal(hal.forwarding.applied, undefined);
  });

  it('does not forward before it intercepts, lest viewers get past a box that starts', async () => {
    let interceptedWhenForwarded: string | undefined;
    const { forwarding } = hal;
    const apply = forwarding.apply.bind(forwarding);
    forwarding.apply = (plan) => {
      interceptedWhenForwarded ??= dialled();
      return apply(plan);
    };
    await start();
    assert.equal(interceptedWhenForwarded, 'weir');
  });

  it('tells why it could not start, also when that cannot be undone', async () => {
    hal.datapath.failNext('ping', failure);
    const { interception } = hal;
    const close = interception.close.bind(interception);
    interception.close = async () => {
      throw new Error('cannot be closed');
    };
    await assert.rejects(start(), (error) => error === failure);
    interception.close = close;
  });

  it('intercepts no longer than the engine answers, and again when it does', async () => {
    const running = await start();
    const ping = hal.datapath.ping.bind(hal.datapath);
    hal.datapath.ping = async () => {
      throw new WeirError('TIMED_OUT', 'the datapath does not answer');
    };
    await clock.pass(4000);
    assert.equal(dialled(), 'origin');
    assert.equal(running.alarms.standing()[0]?.name, 'relay.heartbeat');
    hal.datapath.ping = ping;
    await clock.pass(1000);
    assert.equal(dialled(), 'weir');
    assert.deepEqual(running.alarms.standing(), []);
  });

  it('raises an alarm while a NIC has no link, from the start on', async () => {
    hal.nics.setCarrier('lan0', false);
    const running = await start();
    assert.deepEqual(
      running.alarms.standing().map(({ name, subject }) => [name, subject]),
      [['nic.linkDown', 'access']],
    );
    hal.nics.setCarrier('lan0', true);
    assert.deepEqual(running.alarms.standing(), []);
    hal.nics.setCarrier('wan0', false);
    assert.equal(running.alarms.standing()[0]?.subject, 'wan');
  });

  it("lets connections go past the box after the origin's own answer that is none of a live source", async () => {
    serveHttp();
    await start();
    await browse();
    assert.equal(dialled(), 'origin');
    await clock.pass(601_000, 1000);
    assert.equal(dialled(), 'weir');
  });

  it('never lets them go past for an address that had a feed', async () => {
    serveRtsp();
    await start();
    assert.equal((await viewer().ask('DESCRIBE', url)).status, 200);
    serveHttp();
    await browse();
    assert.equal(dialled(), 'weir');
  });

  it('takes it back when a feed opens there on a connection from before', async () => {
    await start();
    const early = viewer();
    assert.equal((await early.ask('OPTIONS', url)).status, 200);
    serveHttp();
    await browse();
    assert.equal(dialled(), 'origin');
    serveRtsp();
    assert.equal((await early.ask('DESCRIBE', url)).status, 200);
    await settled();
    assert.equal(dialled(), 'weir');
  });

  it('follows another configuration, and goes back', async () => {
    const running = await start();
    const undo = await running.apply(
      configOf({ rtsp: { ports: [8554] }, whenDown: 'closed' }, { masquerade: true }),
    );
    assert.deepEqual(hal.interception.plan?.ports, [8554]);
    assert.equal(hal.forwarding.applied?.masquerade, true);
    assert.deepEqual(running.config.relay.rtsp.ports, [8554]);
    await undo();
    assert.deepEqual(hal.interception.plan?.ports, [554, 8554]);
    assert.equal(hal.interception.plan?.whenDown, 'open');
    assert.equal(hal.forwarding.applied?.masquerade, false);
    assert.deepEqual(running.config.relay.rtsp.ports, [554, 8554]);
  });

  it('goes back to what was in force when a configuration fails half-way, also after one was taken back', async () => {
    const running = await start();
    await (await running.apply(configOf({}, { masquerade: true })))();
    hal.interception.failNext(failure);
    await assert.rejects(running.apply(configOf({ rtsp: { ports: [8554] } }, { mtu: 1400 })), failure);
    assert.equal(hal.forwarding.applied?.masquerade, false);
    assert.deepEqual(hal.interception.plan?.ports, [554, 8554]);
    assert.deepEqual(running.config.relay.rtsp.ports, [554, 8554]);
  });

  it('gives a part of the box up that does not follow in time, goes back, and follows again when that part does', async () => {
    const running = await start();
    const { promise: hindrance, resolve: goOn } = Promise.withResolvers<void>();
    const intercept = hal.interception.apply.bind(hal.interception);
    hal.interception.apply = async (plan) => {
      await hindrance;
      await intercept(plan);
    };
    const next = configOf({ rtsp: { ports: [8554] } }, { masquerade: true });
    const given = assert.rejects(running.apply(next), /interception: not over after 30 s, given up/);
    await settled();
    await clock.pass(30_000, 10_000);
    await given;
    assert.equal(hal.forwarding.applied?.masquerade, false);
    assert.deepEqual(running.config.relay.rtsp.ports, [554, 8554]);
    const stuck = () => running.alarms.standing().filter(({ name }) => name === 'config.stuck');
    assert.equal(stuck()[0]?.subject, 'interception');
    // What does not concern that part can be changed.
    await running.apply(configOf({}, { masquerade: true }));
    await assert.rejects(running.apply(next), /interception: busy still/);
    goOn();
    await settled();
    assert.deepEqual(hal.interception.plan?.ports, [554, 8554]);
    assert.deepEqual(stuck(), []);
    await running.apply(next);
    assert.deepEqual(hal.interception.plan?.ports, [8554]);
  });

  it("signs with the operator's credentials however the origin's address is written", async () => {
    const at = { address: '2001:db8::10', port: 554 };
    const origin = serveRtsp(at);
    origin.scripts.set('SETUP', ({ headers }) =>
      headers.get('Authorization') === undefined
        ? { status: 401, headers: [['WWW-Authenticate', 'Basic realm="r"']] }
        : undefined,
    );
    await start(configOf({ origins: [{ address: '2001:DB8:0:0::10', username: 'u', password: 'p' }] }));
    const watching = viewer(at);
    assert.equal((await watching.ask('DESCRIBE', url)).status, 200);
    const Transport = 'RTP/AVP;unicast;client_port=5000-5001';
    assert.equal((await watching.ask('SETUP', `${url}/stream=0`, { Transport })).status, 200);
  });

  it('shows what it does as plain JSON, also while a NIC is gone', async () => {
    serveRtsp();
    const running = await start();
    hal.nics.meet('198.51.100.5', '02:00:00:00:00:05');
    await viewer().watch('udp');
    const shown = JSON.parse(JSON.stringify(await running.status()));
    assert.deepEqual(Object.keys(shown).sort(), [
      'alarms',
      'connections',
      'ended',
      'engineCpuNs',
      'engineThreads',
      'fanOut',
      'feeds',
      'nics',
      'unbilledSessions',
      'version',
      'viewers',
    ]);
    assert.deepEqual(
      [shown.feeds[0].state, shown.feeds[0].origin, shown.feeds[0].viewers, shown.connections],
      ['playing', '203.0.113.10:554', 1, 1],
    );
    const { viewer: address, mac, transport, state, txPackets } = shown.viewers[0];
    assert.deepEqual(
      [address, mac, transport, state, txPackets],
      ['198.51.100.5', '02:00:00:00:00:05', 'udp', 'playing', '2'],
    );
    hal.nics.remove('wan0');
    const without = await running.status();
    assert.deepEqual(without.nics[0], { role: 'wan', device: 'wan0', linkUp: false });
    assert.equal(without.viewers.length, 1);
  });
});
