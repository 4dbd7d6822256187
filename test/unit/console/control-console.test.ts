import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createLog, WeirError } from '#base';
import { runLines } from '../../../src/cli/index.ts';
import { command } from '../../../src/console/command.ts';
import { CommandTree } from '../../../src/console/command-tree.ts';
import { Console } from '../../../src/console/console.ts';
import { serveControlConsole } from '../../../src/console/control-console.ts';
import type { Operations } from '../../../src/console/operations.ts';
import { ControlServer, openDaemonStream } from '../../../src/status/index.ts';
import { HandClock } from '../session/scripted.ts';

describe('the console over the control socket', () => {
  let folder: string;
  let server: ControlServer;
  let logged: string;
  let interrupted: () => void;
  const waiting = new Promise<void>((resolve) => {
    interrupted = resolve;
  });

  const commands = [
    command({
      path: 'show size',
      help: 'of the terminal',
      run: async ({ size, who }) => ({ ...size, who }),
      render: ({ columns, rows, who }) => `${columns} by ${rows} for ${who}\n`,
    }),
    command({
      path: 'wait',
      help: 'until nobody waits any more',
      run: ({ signal }) =>
        new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => {
            interrupted();
            resolve();
          });
        }),
      render: () => '',
    }),
    command({
      path: 'unlock',
      help: 'by a word that nobody is to see',
      parameters: [{ kind: 'word', name: 'word', help: 'the word', form: 'word' }],
      hides: () => true,
      run: async () => {
        throw new WeirError('COMMAND_FAILED', 'that is not it');
      },
      render: () => '',
    }),
    command({
      path: 'ask',
      help: 'asks',
      run: async ({ ask }) => ({ answer: await ask('who? ') }),
      render: ({ answer }) => `${answer}\n`,
    }),
  ];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-control-'));
    logged = '';
    const clock = new HandClock();
    const write = (line: string) => {
      logged += line;
    };
    const log = createLog({ write, level: () => 'debug', nowMs: clock.nowMs });
    const tree = new CommandTree(commands, { show: 'shows' });
    const console = new Console({
      operations: {} as Operations,
      configurations: () => {
        throw new TypeError('nobody asks');
      },
      trees: { operational: tree, configuration: tree },
      clock,
      log,
      facts: {
        name: () => 'box',
        accounts: () => [],
        idleMinutes: () => 0,
        historyLines: () => 10,
        notices: async () => [],
        reverted: () => undefined,
        cable: () => ({ userClass: 'administrator', why: 'nobody asks' }) as const,
        firstCommand: () => undefined,
      },
    });
    const streams = {
      console: (stream: Parameters<typeof serveControlConsole>[1], argument: unknown) =>
        void serveControlConsole(console, stream, argument),
    };
    server = await ControlServer.open(join(folder, 'control.sock'), { commands: {}, streams }, log);
  });
  after(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });

  const script = async (lines: readonly string[], who = 'ann') => {
    const stream = await openDaemonStream(folder, 'console', { who, script: true });
    const [output, errors] = [new PassThrough(), new PassThrough()];
    const exit = await runLines(stream, lines, output, errors);
    return { exit, output: await text(output.end()), errors: await text(errors.end()) };
  };

  it('carries out a script up to the first line that fails, and says which', async () => {
    assert.deepEqual(await script(['', '# all', 'show size', 'show siz | count']), {
      exit: 0,
      output: '80 by 24 for ann\n1 lines\n',
      errors: '',
    });
    const failed = await script(['show nothing', 'show size']);
    assert.equal(failed.exit, 1);
    assert.equal(failed.output, '');
    assert.match(failed.errors, /^show nothing\n {5}\^\n"nothing" is unknown here\n/);
  });

  it('does not repeat the line that failed where there is a secret in it', async () => {
    const { errors } = await script(['unlock s3cret']);
    assert.equal(errors, '(a line with a secret)\nerror: that is not it\n');
    assert.doesNotMatch((await script(['unlock s3cret typo'])).errors, /s3cret/);
  });

  it('carries out a script of more lines than fit in one frame', async () => {
    const { exit, output } = await script(Array.from({ length: 5000 }, () => 'show size'));
    assert.equal(exit, 0);
    assert.equal(output.match(/80 by 24 for ann\n/g)?.length, 5000);
  });

  it('asks a script nothing', async () => {
    const { exit, errors } = await script(['ask']);
    assert.equal(exit, 1);
    assert.match(errors, /nobody is there to be asked: who\?/);
  });

  it('takes no name that could be mistaken for something else in a log', async () => {
    for (const who of ['', 'a b', 'x\n"y"', 'z'.repeat(100)]) {
      assert.match((await script(['show size'], who)).output, /for local\n$/);
    }
  });

  it('is as large as the terminal says, also when that changes', async () => {
    const stream = await openDaemonStream(folder, 'console', {
      who: 'ann',
      size: { columns: 100, rows: 30 },
    });
    let seen = '';
    const sees = (pattern: RegExp) =>
      new Promise<void>((resolve) => {
        const look = () => pattern.test(seen) && resolve();
        stream.onFrame(({ output }) => {
          seen += String(output ?? '');
          look();
        });
        look();
      });
    await sees(/> $/);
    await stream.send({ input: 'show size\r' });
    await sees(/100 by 30 for ann/);
    await stream.send({ size: { columns: 70, rows: 20 } });
    await stream.send({ size: { columns: -1, rows: 'x' } });
    await stream.send({ size: { columns: 70, rows: 20 } });
    await stream.send({ input: 'show size\r' });
    await sees(/70 by 20 for ann/);
    stream.end();
  });

  it('ends what somebody waits for who has gone', async () => {
    const stream = await openDaemonStream(folder, 'console', { who: 'ann' });
    await stream.send({ input: 'wait\r' });
    await new Promise<void>((resolve) =>
      stream.onFrame(({ output }) => /wait\r\n/.test(String(output)) && resolve()),
    );
    stream.end();
    await waiting;
  });

  it('hangs up on who does not speak this', async () => {
    const socket = connect(join(folder, 'control.sock'));
    socket.on('error', () => {}).resume();
    socket.write('{"command":"console","argument":{"who":"ann"}}\n');
    socket.write('no JSON\n');
    await once(socket, 'close');
    assert.equal((await script(['show size'])).exit, 0);
    assert.doesNotMatch(logged, /"level":"error"/);
  });
});
