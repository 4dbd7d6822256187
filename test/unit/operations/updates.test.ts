import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ErrorCode, isWeirError } from '#base';
import { SimRootVerbs, type SimVerb } from '../../../hal/sim/root-verbs.ts';
import { downloadBundle } from '../../../src/operations/bundle-download.ts';
import { type InstallProgress, Updates } from '../../../src/operations/index.ts';

const statusLines = (changed: Readonly<Record<string, string>> = {}) =>
  Object.entries({
    running: 'a',
    primary: 'a',
    a: 'good:3',
    b: 'bad:0',
    sequence: '4',
    'a.version': '',
    'a.installed': '',
    'b.version': '',
    'b.installed': '',
    compatible: 'weir-arm64',
    ...changed,
  }).map(([name, value]) => `${name}=${value}`);

const withCode = (code: ErrorCode) => (error: unknown) => {
  assert.ok(isWeirError(error, code), String(error));
  assert.ok(error.advice, 'says what to do');
  return true;
};

describe('updates', () => {
  let folder: string;
  let rootVerbs: SimRootVerbs;
  let updates: Updates;
  let bundle: { compatible: string; version: string };
  let inspect: SimVerb;
  let install: SimVerb;
  let status: Readonly<Record<string, string>>;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-updates-'));
    rootVerbs = new SimRootVerbs();
    updates = new Updates({ rootVerbs, folder, version: '1.4.0' });
    bundle = { compatible: 'weir-arm64', version: '1.5.0' };
    status = {};
    inspect = () => [JSON.stringify(bundle)];
    install = () => [
      '  0% Installing',
      ' 40% Copying image to rootfs.1',
      '100% Installing done.',
      'Installing succeeded',
    ];
    rootVerbs.verbs.set('update', (words) => {
      switch (words[0]) {
        case 'status':
          return statusLines(status);
        case 'inspect':
          return inspect(words);
        case 'install':
          return install(words);
        default:
          return [];
      }
    });
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  const run = async (source: string, force = false): Promise<InstallProgress[]> =>
    await Array.fromAsync(updates.install({ source, force }));
  const verbs = () => rootVerbs.asked.map(({ words }) => words.join(' '));

  it('says what is in which slot, what runs, and what is started next', async () => {
    status = { primary: 'b', b: 'new:3', 'b.version': '1.5.0', 'b.installed': 'ok' };
    assert.deepEqual(await updates.status(), {
      compatible: 'weir-arm64',
      slots: [
        {
          slot: 'a',
          running: true,
          next: false,
          condition: 'good',
          triesLeft: 3,
          version: '1.4.0',
          installed: true,
        },
        {
          slot: 'b',
          running: false,
          next: true,
          condition: 'new',
          triesLeft: 3,
          version: '1.5.0',
          installed: true,
        },
      ],
    });
  });

  it('installs a file: checks it first, tells how far it is, activates nothing', async () => {
    const told = await run('/media/weir.raucb');
    assert.deepEqual(verbs(), ['status', 'inspect /media/weir.raucb', 'install /media/weir.raucb']);
    assert.deepEqual(
      told.map(({ step, percent }) => [step, percent]),
      [
        ['checking', null],
        ['writing', 0],
        ['writing', 40],
        ['writing', 100],
        ['installed', 100],
      ],
    );
  });

  describe('refuses, before a byte is written,', () => {
    const refused = async (code: ErrorCode, source = '/media/weir.raucb', force = false) => {
      await assert.rejects(run(source, force), withCode(code));
      assert.ok(!verbs().some((words) => words.startsWith('install')));
    };

    for (const [reason, code] of [
      ['damaged', 'UPDATE_BAD_BUNDLE'],
      ['missing', 'UPDATE_BAD_BUNDLE'],
      ['key', 'UPDATE_BAD_SIGNATURE'],
      ['busy', 'UPDATE_BUSY'],
      ['never heard of', 'UPDATE_FAILED'],
    ] as const) {
      it(`a bundle of which the box says "${reason}"`, async () => {
        inspect = () => ({ reason, text: 'so it is' });
        await refused(code);
      });
    }

    it('a bundle for other hardware, forced or not', async () => {
      bundle = { compatible: 'weir-riscv64', version: '9.0.0' };
      await refused('UPDATE_OTHER_HARDWARE');
      await refused('UPDATE_OTHER_HARDWARE', '/media/weir.raucb', true);
    });

    it('a bundle that does not say what it is', async () => {
      inspect = () => ['{"version":7}'];
      await refused('UPDATE_BAD_BUNDLE');
    });

    it('an older version, unless it is forced', async () => {
      bundle = { ...bundle, version: '1.4.0-rc.2' };
      await refused('UPDATE_DOWNGRADE');
      await run('/media/weir.raucb', true);
      assert.ok(verbs().includes('install /media/weir.raucb'));
    });

    it('a path that does not begin at the root', async () => {
      await assert.rejects(run('weir.raucb'), (error) => isWeirError(error, 'USAGE'));
    });

    it('everything on a machine that was not flashed', async () => {
      rootVerbs.verbs.clear();
      await assert.rejects(run('/media/weir.raucb'), (error) => isWeirError(error, 'NOT_AVAILABLE'));
    });
  });

  it('installs the version that runs once more: a damaged slot is mended so', async () => {
    bundle = { ...bundle, version: '1.4.0' };
    assert.equal((await run('/media/weir.raucb')).at(-1)?.step, 'installed');
  });

  it('says so when the writing fails, and can be asked again', async () => {
    install = () => ({ reason: 'damaged', text: 'Input/output error' });
    await assert.rejects(run('/media/weir.raucb'), withCode('UPDATE_BAD_BUNDLE'));
    install = () => [];
    assert.equal((await run('/media/weir.raucb')).at(-1)?.step, 'installed');
  });

  it('installs one version at a time, also when nobody listens to the first one any more', async () => {
    const first = updates.install({ source: '/media/one.raucb', force: false });
    await first.next();
    await assert.rejects(run('/media/two.raucb'), withCode('UPDATE_BUSY'));
    await first.return(undefined);
    await new Promise(setImmediate);
    assert.equal((await run('/media/two.raucb')).at(-1)?.step, 'installed');
    assert.deepEqual(
      verbs().filter((words) => words.startsWith('install')),
      ['install /media/one.raucb', 'install /media/two.raucb'],
    );
  });

  it('activates the other slot when a whole version is in it, and only then', async () => {
    await assert.rejects(updates.activate({ reboot: false }), withCode('UPDATE_FAILED'));
    assert.deepEqual(verbs(), ['status']);
    status = { 'b.installed': 'ok', 'b.version': '1.5.0' };
    assert.equal((await updates.activate({ reboot: false })).slot, 'b');
    assert.deepEqual(verbs().slice(1), ['status', 'activate', 'status']);
    rootVerbs.verbs.set('reboot', () => []);
    await updates.activate({ reboot: true });
    assert.equal(rootVerbs.asked.at(-1)?.verb, 'reboot');
  });

  it('tells the box that it is healthy, where there is somebody to tell', async () => {
    await updates.healthy();
    assert.deepEqual(verbs(), ['healthy']);
    rootVerbs.verbs.clear();
    await updates.healthy();
  });

  it('has the box forget what was configured, and records only when told so', async () => {
    rootVerbs.verbs.set('factory-reset', () => []);
    await updates.factoryReset({ includingRecords: false });
    await updates.factoryReset({ includingRecords: true });
    assert.deepEqual(
      rootVerbs.asked.map(({ words }) => words),
      [[], ['including-records']],
    );
  });

  describe('from a URL', () => {
    let server: Server;
    let answer: RequestListener;
    let url: string;

    beforeEach(async () => {
      answer = (_request, response) => response.end(Buffer.alloc(300_000, 7));
      server = createServer((request, response) => answer(request, response));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/weir.raucb`;
    });

    afterEach(() => {
      server.closeAllConnections();
      server.close();
    });

    const leftovers = () => readdirSync(folder);

    it('are fetched whole before they are checked, and are gone from the disk afterwards', async () => {
      let inspected: Buffer | undefined;
      inspect = (words) => {
        inspected = readFileSync(words[1] as string);
        return [JSON.stringify(bundle)];
      };
      const told = await run(url);
      assert.deepEqual(inspected, Buffer.alloc(300_000, 7));
      assert.deepEqual([told[0]?.step, told.at(-1)?.step], ['fetching', 'installed']);
      assert.deepEqual(leftovers(), []);
    });

    for (const [what, how] of [
      ['that is not there', (_request, response) => response.writeHead(404).end()],
      [
        'that is cut off',
        (_request, response) => {
          response.writeHead(200, { 'content-length': '300000' });
          response.write(Buffer.alloc(1000));
          setImmediate(() => response.destroy());
        },
      ],
    ] as const satisfies readonly (readonly [string, RequestListener])[]) {
      it(`${what}: says so, without the token in the URL, and leaves nothing behind`, async () => {
        answer = how;
        await assert.rejects(run(`${url}?token=hunter2`), (error) => {
          assert.ok(isWeirError(error, 'UPDATE_UNREACHABLE'));
          assert.doesNotMatch(error.describe(), /hunter/);
          return true;
        });
        assert.deepEqual(leftovers(), []);
      });
    }

    it('with no room for it: says so before it is fetched, or as soon as it shows', async () => {
      const fetchInto = (freeBytes: number) =>
        downloadBundle(url, folder, { onProgress: () => {}, freeBytes: async () => freeBytes });
      const spare = 64 * 2 ** 20;
      await assert.rejects(fetchInto(spare + 299_999), withCode('UPDATE_NO_SPACE'));
      answer = (_request, response) => {
        response.write(Buffer.alloc(200_000)); // Chunked: nobody says how much it will be.
        response.end(Buffer.alloc(100_000));
      };
      await assert.rejects(fetchInto(spare + 299_999), withCode('UPDATE_NO_SPACE'));
      assert.deepEqual(leftovers(), []);
      await using fetched = await fetchInto(spare + 300_000);
      assert.ok(existsSync(fetched.path));
    });

    it('stops when it is told to, and leaves nothing behind', async () => {
      const stop = new AbortController();
      answer = (_request, response) => {
        response.write(Buffer.alloc(1000));
        stop.abort();
      };
      const work = Array.fromAsync(updates.install({ source: url, force: false, signal: stop.signal }));
      await assert.rejects(work, { name: 'AbortError' });
      assert.deepEqual(leftovers(), []);
    });
  });
});
