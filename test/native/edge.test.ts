import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { isWeirError, silentLog } from '#base';
import { loadAddon, type NativeEngine } from '../../hal/datapath/addon.ts';
import { CounterTable } from '../../hal/datapath/counters.ts';
import { openDatapath } from '../../hal/datapath/datapath.ts';
import { startPointCodecs } from '../../hal/datapath/face.ts';
import { loopbackWorld, next, until } from '../contract/datapath-world.ts';

const limits = { maxHeaderBytes: 4096, maxBodyBytes: 4096 };

describe('the native edge', () => {
  it('says how to build what is not built', () => {
    assert.throws(
      () => loadAddon('/nonexistent/weir-datapath.node'),
      (error) => isWeirError(error, 'DATAPATH_NOT_BUILT') && error.advice === 'npm run prestart',
    );
  });

  describe('checks in C++ what TypeScript checked before:', () => {
    let engine: NativeEngine;

    beforeEach(() => {
      const { Engine } = loadAddon();
      engine = new Engine({
        counters: new CounterTable(4).values,
        handler: () => assert.fail('nothing was asked'),
        realtimePriority: 0,
        threadName: 'weir-datapath',
        cloning: false,
      });
    });

    afterEach(() => {
      try {
        engine.close(0);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'ALREADY_CLOSED');
      }
    });

    const local = { address: '127.0.0.1', port: 0 };
    const bytes = new Uint8Array();
    const cases: ReadonlyArray<[name: keyof NativeEngine, options: unknown, misfit: string]> = [
      ['listen', undefined, 'local'],
      ['listen', { local: { address: 'a host', port: 1 }, transparent: false, backlog: 1 }, 'local'],
      ['listen', { local: { address: '127.0.0.1', port: -1 }, transparent: false, backlog: 1 }, 'port'],
      ['listen', { local, transparent: 'no', backlog: 1 }, 'transparent'],
      ['connect', { remote: local, transparent: false, timeoutMs: 2 ** 32 }, 'timeoutMs'],
      ['connect', { remote: local, transparent: false, timeoutMs: Number.NaN }, 'timeoutMs'],
      ['adopt', { unread: new Float64Array(1) }, 'unread'],
      ['adopt', { unread: bytes, maxHeaderBytes: 1, maxBodyBytes: 1.5 }, 'maxBodyBytes'],
      ['splice', { toA: bytes, toB: bytes, slot: 0, a: -1, b: 0 }, 'a'],
      ['openPair', { address: '1.2.3.4.5', transparent: false }, 'address'],
      ['openPair', { address: '127.0.0.1', transparent: false, rtpPort: 65_536 }, 'rtpPort'],
      ['takePair', { parcel: undefined }, 'parcel'],
      ['takePair', { parcel: {} }, 'parcel'],
      ['takeConnection', { parcel: 'text', slot: 0 }, 'parcel'],
      ['takeConnection', { slot: -1 }, 'slot'],
      ['createFeed', { ringBytes: 1, ringMs: 1, slot: 0, tracks: 'many' }, 'tracks'],
      ['createFeed', { ringBytes: 1, ringMs: 1, slot: 0, tracks: [{ codec: 'h266' }] }, 'codec'],
      ['createFeed', { ringBytes: 1, ringMs: 1, slot: 0, tracks: [undefined] }, 'codec'],
      ['receive', { id: 2 ** 53, tracks: [] }, 'id'],
      ['receive', { id: 1, tracks: [{ track: 0, pair: 1, rtpSource: local }] }, 'rtcpSource'],
      [
        'addViewer',
        { id: 1, startWaitMs: 0, slot: 0, tracks: [{ track: 0, connection: 1, rtpChannel: 256 }] },
        'rtpChannel',
      ],
      ['play', {}, 'id'],
      ['closeViewer', { id: 1 }, 'bye'],
      ['sendText', { id: 1, text: 'text' }, 'text'],
    ];
    for (const [name, options, misfit] of cases) {
      it(`${name} without a usable ${misfit}`, () => {
        const call = engine[name] as (request: number, options: unknown) => void;
        assert.throws(() => call.call(engine, 1, options), {
          code: 'DATAPATH_BAD_ARGUMENT',
          message: `${misfit} is not usable`,
        });
      });
    }

    it('a request without a number, and another object as this', () => {
      const call = engine.play as (request: unknown, options: unknown) => void;
      assert.throws(() => call.call(engine, 'one', { id: 1 }), { code: 'DATAPATH_BAD_ARGUMENT' });
      assert.throws(() => call.call({}, 1, { id: 1 }), TypeError);
    });

    it('a command after close', () => {
      engine.close(0);
      assert.throws(() => engine.ping(1, undefined), { code: 'ALREADY_CLOSED' });
    });

    it('counters that are no table, and a handler that is no function', () => {
      const { Engine } = loadAddon();
      const good = {
        counters: new BigUint64Array(16),
        handler: () => {},
        realtimePriority: 0,
        threadName: 'weir-datapath',
        cloning: false,
      };
      for (const bad of [{ counters: new BigUint64Array(15) }, { counters: [] }, { handler: 1 }]) {
        const options = { ...good, ...bad } as typeof good;
        assert.throws(() => new Engine(options), { code: 'DATAPATH_BAD_ARGUMENT' });
      }
    });
  });

  it('answers a ping', async () => {
    await using datapath = openDatapath({ log: silentLog, realtime: false });
    await datapath.ping();
    assert.ok(datapath.engineCpuNs() > 0n);
  });

  it('opens a feed of every codec there is', async () => {
    await using datapath = openDatapath({ log: silentLog, realtime: false });
    for (const codec of startPointCodecs) {
      const track = { clockRateHz: 90_000, codec, video: true };
      await datapath.createFeed({ tracks: [track], ringBytes: 1 << 20, ringMs: 1000 });
    }
  });

  it('lets a sender wait whose messages nobody has time for', async () => {
    const world = await loopbackWorld(openDatapath({ log: silentLog, realtime: false }), undefined);
    const listener = await world.datapath.listen({
      local: { address: world.address, port: 0 },
      transparent: false,
    });
    const accepted = next(listener.accepted);
    const far = await world.dial(listener.local);
    const message = Buffer.from(`A b RTSP/1.0\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(1000)}`);
    const count = 2000;
    far.write(Buffer.concat(Array.from({ length: count }, () => message)));
    const connection = await world.datapath.adopt(await accepted, { limits });
    let seen = 0;
    let readAhead = 0n;
    connection.message.on(() => {
      seen += 1;
      if (seen !== 10) return;
      const behind = BigInt(seen * message.length);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200); // JavaScript is busy
      readAhead = connection.counters().rxBytes - behind;
    });
    await until(() => seen === count);
    assert.ok(readAhead < 256n * 1024n, `${readAhead} bytes were read ahead`);
    await world.close();
  });

  it('leaves no descriptor and no thread behind, whatever was open', async () => {
    const cycle = async () => {
      const datapath = openDatapath({ log: silentLog, realtime: false, threads: 2 });
      const world = await loopbackWorld(datapath, undefined);
      const local = { address: world.address, port: 0 };
      const listener = await datapath.listen({ local, transparent: false });
      const connections = [];
      for (let each = 0; each < 4; each += 1) {
        const accepted = next(listener.accepted);
        await world.dial(listener.local);
        connections.push(await accepted);
      }
      const [adopted, a, b, kept] = connections;
      assert.ok(adopted && a && b && kept);
      await datapath.adopt(adopted, { limits });
      await datapath.splice(a, b);
      const track = { clockRateHz: 90_000, codec: 'none', video: false } as const;
      await datapath.createFeed({ tracks: [track], ringBytes: 1 << 20, ringMs: 1000 });
      await datapath.udpPair({ address: world.address, transparent: false });
      listener.accepted.on(({ stream }) => stream.destroy());
      await world.dial(listener.local); // accepted before the end or not
      kept.stream.destroy();
      await world.close();
    };
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const threads = () => readdirSync('/proc/self/task').length;
    for (let warm = 0; warm < 3; warm += 1) await cycle();
    const before = { descriptors: descriptors(), threads: threads() };
    for (let run = 0; run < 20; run += 1) await cycle();
    await until(() => descriptors() <= before.descriptors);
    assert.equal(threads(), before.threads);
  });
});

describe('counter slots', () => {
  it('are taken lowest first, zeroed, and end with LIMIT_REACHED', () => {
    const table = new CounterTable(2);
    const [first, second] = [table.take('feed'), table.take('viewer')];
    assert.deepEqual([first.index, second.index], [0, 1]);
    assert.throws(
      () => table.take('splice'),
      (error) => isWeirError(error, 'LIMIT_REACHED'),
    );
    table.values[0] = 7n;
    first.release();
    const again = table.take('connection');
    assert.equal(again.index, 0);
    assert.deepEqual(again.read(), { rxBytes: 0n, txBytes: 0n, rxUnknownFrames: 0n, lastProgressMonoNs: 0n });
  });

  it('keep their last values after they were given back', () => {
    const table = new CounterTable(1);
    const slot = table.take('splice');
    table.values[0] = 2n ** 63n + 1n;
    table.values[1] = 5n;
    slot.release();
    slot.release();
    table.take('feed');
    table.values[0] = 1n;
    assert.deepEqual(slot.read(), { aToBBytes: 2n ** 63n + 1n, bToABytes: 5n });
  });
});
