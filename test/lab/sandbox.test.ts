import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('sandbox-program.ts', import.meta.url));
/** Outside of the sandbox that the tests themselves may run in. */
const { WEIR_SANDBOX: _, ...outside } = process.env;

const run = (
  prefix: readonly string[],
  args: readonly string[],
  options: { input?: string; path?: string } = {},
) => {
  const [command = '', ...rest] = [...prefix, process.execPath, program, ...args];
  return spawnSync(command, rest, {
    encoding: 'utf8',
    input: options.input ?? '',
    env: { ...outside, ...(options.path === undefined ? {} : { PATH: options.path }) },
    timeout: 20_000,
  });
};

const start = (args: readonly string[]): ChildProcess & { stdout: NonNullable<ChildProcess['stdout']> } => {
  const child = spawn(process.execPath, [program, ...args], {
    env: outside,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return Object.assign(child, { stdout: child.stdout });
};

const firstLine = async (child: { stdout: NodeJS.ReadableStream }): Promise<string> =>
  String((await once(createInterface({ input: child.stdout }), 'line'))[0]);

/** Processes that carry this word on their command line. */
function carrying(word: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(word);
    } catch {
      return false; // ended meanwhile
    }
  });
}

describe('the sandbox', function () {
  this.timeout(30_000);

  before(function () {
    const allowed = spawnSync('unshare', [
      '--user',
      '--map-root-user',
      '--mount',
      '--net',
      '--pid',
      '--fork',
      'true',
    ]);
    if (allowed.status !== 0) this.skip(); // a kernel or container without user namespaces
  });

  it('passes arguments, exit status and standard input and output', () => {
    const looked = run([], ['look', 'a b', '--c']);
    assert.deepEqual(JSON.parse(looked.stdout), { words: ['a b', '--c'], stdin: false, stdout: false });
    assert.equal(looked.status, 42);
    const text = 'x'.repeat(300_000);
    assert.ok(run([], ['copy'], { input: text }).stdout === text, 'every byte comes back');
  });

  it('ends by the signal that ended the program inside', () => {
    const { signal, status } = run([], ['die']);
    assert.deepEqual({ signal, status }, { signal: 'SIGUSR2', status: null });
  });

  it('passes a signal on, once', async () => {
    const child = start(['signals']);
    const lines: unknown[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(JSON.parse(line));
      if (lines.length === 1) child.kill('SIGTERM');
    });
    const [code] = await once(child, 'close');
    assert.deepEqual(lines, [{ ready: true }, { signal: 'SIGTERM', caught: 1 }]);
    assert.equal(code, 0);
  });

  it('shows the terminal to the program inside, and Ctrl-C typed there reaches it once', async () => {
    // `script` gives the command a terminal of its own, as a terminal window would.
    const words = [process.execPath, program, 'look'].join(' ');
    const looked = spawnSync('script', ['-qec', words, '/dev/null'], {
      encoding: 'utf8',
      input: '',
      env: outside,
    });
    assert.deepEqual(JSON.parse(looked.stdout.replace('^D', '').replaceAll('\b', '')), {
      words: [],
      stdin: true,
      stdout: true,
    });

    const typed = [process.execPath, program, 'signals'].join(' ');
    const child = spawn('script', ['-qec', typed, '/dev/null'], {
      env: outside,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (!printed.includes('ready') && (printed + text).includes('ready')) child.stdin.write('\x03');
      printed += text;
    });
    await once(child, 'close');
    assert.deepEqual(printed.match(/\{"signal.*?\}/g), ['{"signal":"SIGINT","caught":1}']);
  });

  it('leaves nothing when killed with SIGKILL, whatever runs inside, and starts again at once', async () => {
    const before = {
      names: existsSync('/run/netns'),
      links: readFileSync('/proc/net/dev', 'utf8').match(/^ *\w+:/gm),
    };
    for (let round = 0; round < 2; round++) {
      const word = `crowd-${process.pid}-${round}`;
      const child = start(['crowd', word]);
      assert.match(await firstLine(child), /1 received/);
      assert.ok(carrying(word).length >= 4, 'the crowd runs');
      child.kill('SIGKILL');
      await once(child, 'exit');
      const deadline = Date.now() + 2000;
      while (carrying(word).length > 0 && Date.now() < deadline) await sleep(20);
      assert.deepEqual(carrying(word), []);
    }
    const after = {
      names: existsSync('/run/netns'),
      links: readFileSync('/proc/net/dev', 'utf8').match(/^ *\w+:/gm),
    };
    assert.deepEqual(after, before);
  });

  it('works for a user without rights', function () {
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    if (spawnSync('setpriv', [...nobody.slice(1), 'true']).status !== 0) this.skip(); // needs root to become nobody
    assert.equal(run(nobody, ['look']).status, 42);
  });

  it('says in one line what to do where the kernel allows no namespaces', () => {
    const forbidden = [
      ...['unshare', '--user', '--map-root-user', 'sh', '-c'],
      'echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-sys_admin "$@"',
      'sh',
    ];
    const { status, stderr } = run(forbidden, ['look']);
    assert.equal(status, 2);
    assert.match(
      stderr,
      /^MISSING_RIGHTS: this system allows no namespaces .*as root.*sysctl -w user\.max_user_namespaces=\d+\n$/,
    );
  });

  it('names the missing program and its package', () => {
    const directory = mkdtempSync(join(tmpdir(), 'weir-sandbox-'));
    try {
      const expected = [
        { has: [], says: 'setpriv is missing -> apt-get install util-linux' },
        { has: ['setpriv'], says: 'unshare is missing -> apt-get install util-linux' },
        {
          has: ['setpriv', 'unshare', 'sh', 'mount', 'mkdir'],
          says: 'ip is missing -> apt-get install iproute2',
        },
      ];
      for (const { has, says } of expected) {
        for (const name of has) {
          const found = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
          rmSync(join(directory, name), { force: true });
          symlinkSync(found, join(directory, name));
        }
        const { status, stderr } = run([], ['look'], { path: directory });
        assert.deepEqual({ status, stderr }, { status: 2, stderr: `MISSING_PROGRAM: the program ${says}\n` });
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('is the only place where a world can be built', () => {
    const { status, stderr } = run([], ['build-outside']);
    assert.equal(status, 2);
    assert.match(stderr, /^USAGE: a world is built inside a sandbox only -> call enterSandbox first\n$/);
  });
});
