import assert from 'node:assert/strict';
import { WeirError } from '#base';
import { openSimHal, type SimHal } from '../../../hal/sim/sim-hal.ts';
import { commandGroups, operationalCommands } from '../../../src/console/commands/index.ts';
import type { Operations } from '../../../src/console/operations.ts';
import {
  interfacesStatus,
  LogRing,
  routeStatus,
  systemStatus,
  told,
  type ViewersStatus,
} from '../../../src/operations/index.ts';
import { ScriptedConsole } from './scripted-console.ts';

const rate = {
  viewer: '198.51.100.5',
  url: 'rtsp://h/live',
  transport: 'udp',
  state: 'playing',
  droppedPackets: '0',
};

describe('console: the box', () => {
  let hal: SimHal;
  let console: ScriptedConsole;
  let asked: string[];
  let viewers: () => ViewersStatus;
  let monitorEnded: PromiseWithResolvers<void>;

  beforeEach(async () => {
    asked = [];
    viewers = () => ({ viewers: [], ended: [] });
    monitorEnded = Promise.withResolvers();
    hal = await openSimHal();
    const dhcp = { device: 'wan0', addresses: [], dhcp4: true };
    await hal.nics.apply({ wan: dhcp, access: { device: 'lan0', addresses: [] } });
    const ring = new LogRing();
    ring.add(
      '{"at":"2026-01-02T03:04:05.678Z","level":"warn","event":"source lost","url":"rtsp://h/live","text":"no packet"}\n',
    );
    const operations: Partial<Operations> = {
      system: () => systemStatus({ ...hal, version: '1.4.0', name: 'box7' }),
      interfaces: () => interfacesStatus(hal.nics),
      routes: () => routeStatus(hal.nics),
      log: async (count) => {
        asked.push(`log ${count}`);
        return { lines: ring.last(count) };
      },
      outbox: async () => {
        throw new WeirError('NOT_READY', 'the records are not open');
      },
      requeue: async () => {
        throw new WeirError('NOT_READY', 'the records are not open');
      },
      viewers: async () => viewers(),
      monitorViewers: async function* (signal) {
        try {
          for (let packets = 1; !signal.aborted; packets += 1) {
            yield {
              viewers: [{ ...rate, sessionId: 's', bitsPerSecond: 4_000_000, packetsPerSecond: packets }],
            };
            await new Promise((resolve) => setImmediate(resolve));
          }
        } finally {
          monitorEnded.resolve();
        }
      },
      clearViewer: async (sessionId) => {
        throw new WeirError('NO_SUCH_SESSION', `no viewer has the session "${sessionId}"`);
      },
      ping: ({ target, count }) =>
        told(async (tell) => {
          asked.push(`ping ${target} ${count}`);
          tell({ line: '64 bytes from 192.0.2.1' });
          tell({ result: { target, transmitted: 1, received: 1, rttMs: null, lines: [] } });
        }),
      testRelay: ({ url }) =>
        told(async (tell) => {
          asked.push(url);
          tell({ step: 'resolve', ok: true, ms: 1, text: '192.0.2.9' });
          tell({ step: 'connect', ok: false, ms: 2, text: 'ECONNREFUSED' });
          throw new WeirError('TEST_FAILED', 'not relayed');
        }),
      requestSystem: async (request) => {
        asked.push(request);
        return { request };
      },
      supportBundle: async ({ print }) => ({
        file: '/data/support/b.tar.gz',
        bytes: 90,
        entries: [],
        base64: print ? Buffer.alloc(90, 'weir').toString('base64') : null,
      }),
    };
    console = new ScriptedConsole({
      commands: operationalCommands,
      groups: commandGroups,
      operations,
      size: { columns: 200, rows: 100 },
    });
  });
  afterEach(async () => {
    await console[Symbol.asyncDispose]();
    await hal.close();
  });

  it('shows system, interfaces with their leases, and routes', async () => {
    assert.match(await console.command('show system'), /name +box7[\s\S]*temperature +45 °C/);
    assert.match(
      await console.command('show interfaces'),
      /wan +wan0 +up +1000 Mbit\/s[\s\S]*wan0: no lease of DHCPv4 yet/,
    );
    const lease = {
      family: 4,
      address: '192.0.2.7/24',
      server: undefined,
      routers: [],
      nameServers: [],
    } as const;
    hal.nics.lend('wan0', 4, { ...lease, obtainedAt: 0, seconds: 60 });
    assert.match(
      await console.command('show interfaces'),
      /192\.0\.2\.7\/24 by DHCPv4, got at 1970-01-01T00:00:00\.000Z, until 1970-01-01T00:01:00\.000Z/,
    );
    assert.match(await console.command('show route'), /198\.51\.100\.0\/24 +- +lan0 +kernel/);
  });

  it('shows the log as lines for people, and as many as are asked for', async () => {
    assert.match(
      await console.command('show log'),
      /2026-01-02T03:04:05\.678Z warn {2}source lost {2}url=rtsp:\/\/h\/live {2}text="no packet"/,
    );
    await console.command('show log all');
    assert.deepEqual(asked, ['log 200', `log ${Number.MAX_SAFE_INTEGER}`]);
  });

  it('monitors viewers until ^C', async () => {
    console.type('monitor viewers\r');
    await console.sees(/198\.51\.100\.5 +playing +udp +4000 +\d+/);
    console.type('\x03');
    await console.sees(/box> $/);
    await monitorEnded.promise;
  });

  it('pings, and refuses a count that is none before anybody is asked', async () => {
    assert.match(await console.command('ping 192.0.2.1 count 3'), /64 bytes from 192\.0\.2\.1/);
    assert.match(await console.command('ping 192.0.2.1 count x'), /count takes a whole number/);
    assert.deepEqual(asked, ['ping 192.0.2.1 3']);
  });

  it('tests a feed step by step, and does not remember a line with a password in it', async () => {
    const said = await console.command('test relay rtsp://ann:secret@h/live');
    assert.match(
      said,
      /ok +resolve +1 ms +192\.0\.2\.9[\s\S]*FAILED +connect +2 ms +ECONNREFUSED[\s\S]*not relayed/,
    );
    await console.command('test relay rtsp://h/live');
    assert.deepEqual(console.history.lines(), ['test relay rtsp://h/live']);
  });

  it('asks before it ends what cannot be begun again from here', async () => {
    console.type('request system power-off\r');
    await console.sees(/stays off[\s\S]*Go on\?/);
    console.type('no\r');
    await console.sees(/nothing was done[\s\S]*box> $/);
    assert.deepEqual(asked, []);
    assert.match(await console.command('request system restart confirmed'), /restart: begun/);
    assert.deepEqual(asked, ['restart']);
  });

  it('names the session that nobody has', async () => {
    assert.match(await console.command('clear viewer nobody'), /no viewer has the session "nobody"/);
  });

  it('completes and helps where the box cannot tell who watches: nothing is relayed yet', async () => {
    viewers = () => {
      throw new WeirError('NOT_READY', 'nothing is relayed yet');
    };
    console.type('clear viewer ?');
    await console.sees(/session id[\s\S]*clear viewer $/);
    console.type('\t\x03');
    await console.sees(/box> $/);
    // Of what only choices may stand for, too, the command says why it cannot be.
    assert.match(await console.command('request outbox requeue https'), /the records are not open/);
    assert.match(await console.command('show system'), /box7/);
  });

  it('says where the support bundle is', async () => {
    assert.equal(await console.command('request support-bundle'), '/data/support/b.tar.gz, 90 bytes\n');
  });

  it('shows the support bundle itself to who has nothing but this console', async () => {
    const said = await console.command('request support-bundle print | no-more');
    const [, base64 = ''] =
      /-----BEGIN WEIR SUPPORT BUNDLE-----\n([\s\S]*)-----END WEIR SUPPORT BUNDLE-----\n$/.exec(said) ?? [];
    assert.deepEqual(Buffer.from(base64, 'base64'), Buffer.alloc(90, 'weir'));
    for (const line of base64.trimEnd().split('\n')) assert.ok(line.length <= 64, line);
  });
});
