import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isWeirError, silentLog, systemClock } from '#base';
import { openControlStream } from '../../../src/status/control-client.ts';
import {
  askControl,
  askDaemon,
  ControlServer,
  type ControlStream,
  openControl,
} from '../../../src/status/index.ts';
import { HandClock, settled } from '../session/scripted.ts';

describe('control socket', () => {
  let folder: string;
  let path: string;
  let server: ControlServer | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-control-'));
    path = join(folder, 'control.sock');
  });
  afterEach(async () => {
    await server?.close();
    server = undefined;
    await rm(folder, { recursive: true });
  });

  const open = async (
    commands: Record<string, () => Promise<unknown>> = { hello: async () => ({ ok: 1 }) },
  ) => {
    server = await ControlServer.open(path, { commands }, silentLog);
  };
  /** Everything that is answered until the daemon closes. */
  const conversation = (talk: (socket: Socket) => void): Promise<string> =>
    new Promise((resolve) => {
      let text = '';
      const socket = connect({ path, allowHalfOpen: true }, () => talk(socket));
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      socket.on('error', () => {}).on('end', () => socket.end());
      socket.on('close', () => resolve(text));
    });

  it('answers a command, for its owner alone', async () => {
    await open();
    assert.deepEqual(await askControl(path, 'hello'), { ok: 1 });
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });

  it('answers garbage, unknown commands and commands that fail in words', async () => {
    await open({
      fails: async () => {
        throw new Error('scripted');
      },
      unreadable: async () => ({ count: 1n }),
    });
    const lines = [
      '{',
      'null',
      '7',
      '{"command":"toString"}',
      '{"command":"fails"}',
      '{"command":"unreadable"}',
    ];
    const text = await conversation((socket) => socket.end(`${lines.join('\n')}\n`));
    const answers = text.trim().split('\n');
    assert.equal(answers.length, lines.length);
    for (const answer of answers) assert.equal(typeof JSON.parse(answer).error, 'string', answer);
  });

  it('answers in the order of the lines, also to one that has hung up its side', async () => {
    let slow = 0;
    await open({
      first: async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        slow += 1;
        return slow;
      },
      second: async () => slow,
    });
    const text = await conversation((socket) => socket.end('{"command":"first"}\n{"command":"second"}\n'));
    assert.equal(text, '1\n1\n');
  });

  it('hangs up on a line without end', async () => {
    await open();
    assert.equal(await conversation((socket) => socket.write('x'.repeat(100_000))), '');
    assert.deepEqual(await askControl(path, 'hello'), { ok: 1 });
  });

  it('refuses a second daemon in the same folder, and lets the first one go on', async () => {
    await open();
    await assert.rejects(
      ControlServer.open(path, { commands: {} }, silentLog),
      (error) => isWeirError(error, 'SOCKET_FAILED') && /another Weir/.test(error.message),
    );
    assert.deepEqual(await askControl(path, 'hello'), { ok: 1 });
  });

  it('takes the place of a socket that a killed daemon left', async () => {
    await writeFile(path, '');
    await open();
    assert.deepEqual(await askControl(path, 'hello'), { ok: 1 });
  });

  it('says in one line why it cannot be opened', async () => {
    await mkdir(path);
    await assert.rejects(
      ControlServer.open(path, { commands: {} }, silentLog),
      (error) => isWeirError(error, 'SOCKET_FAILED') && error.advice !== undefined,
    );
  });

  it('tells a client that nobody answers, or that the answer is none', async () => {
    await assert.rejects(askControl(path, 'hello'), (error) => isWeirError(error, 'CONTROL_UNREACHABLE'));
    const liar = createServer((socket) => socket.resume().end('no JSON\n'));
    await new Promise<void>((resolve) => liar.listen(path, resolve));
    await assert.rejects(askControl(path, 'hello'), (error) => isWeirError(error, 'CONTROL_UNREACHABLE'));
    await new Promise((resolve) => liar.close(resolve));
  });

  it('opens a stream once the daemon has said that it did; what comes right behind that is not lost', async () => {
    const streams = {
      echo: (stream: ControlStream, argument: unknown) => {
        void stream.send({ argument });
        stream.onFrame((frame) => void stream.send(frame));
      },
    };
    server = await ControlServer.open(path, { commands: {}, streams }, silentLog);
    const stream = await openControlStream(path, 'echo', { for: 'ann' });
    assert.deepEqual(await stream.nextFrame(), { argument: { for: 'ann' } });
    void stream.send({ n: 1 });
    void stream.send({ n: 2 });
    assert.deepEqual([await stream.nextFrame(), await stream.nextFrame()], [{ n: 1 }, { n: 2 }]);
    stream.destroy();
    await assert.rejects(openControlStream(path, 'none', {}), /unknown command/);
  });

  it('waits for a daemon that is stopped no longer than it has patience, and says so', async () => {
    // As the kernel does for one that is stopped: the connection is there, and nothing comes.
    const silent = createServer((socket) => socket.resume());
    await new Promise<void>((resolve) => silent.listen(path, resolve));
    await assert.rejects(openControlStream(path, 'console', {}, { answerMs: 50 }), (error) => {
      assert.ok(isWeirError(error, 'CONTROL_UNREACHABLE'));
      assert.match(error.describe(), /no answer within 0\.05 s -> it is stopped or stuck/);
      return true;
    });
    await new Promise((resolve) => silent.close(resolve));
  });

  describe('of a data folder that takes no socket', () => {
    const mayRun = (() => {
      try {
        accessSync('/run', constants.W_OK);
        return true;
      } catch {
        return false;
      }
    })();
    (mayRun ? it : it.skip)('is in /run, too, when the disk of that folder does not answer', async () => {
      // Who writes to a pipe waits until somebody reads.
      execFileSync('mkfifo', [join(folder, 'control.probe')]);
      const clock = new HandClock();
      const opening = openControl(folder, { commands: {} }, silentLog, clock);
      await settled();
      await clock.pass(5000, 5000);
      server = await opening;
      assert.match(server.path, /^\/run\/weir-[0-9a-f]{16}\.sock$/);
      // It answers after all; nobody needs that any more.
      await readFile(join(folder, 'control.probe'));
    });

    (mayRun ? it : it.skip)('is in /run, where who asks for that folder finds it', async () => {
      const none = join(folder, 'none');
      const services = { commands: { hello: async () => ({ ok: 1 }) } };
      server = await openControl(none, services, silentLog, systemClock);
      assert.match(server.path, /^\/run\/weir-[0-9a-f]{16}\.sock$/);
      assert.deepEqual(await askDaemon(none, 'hello'), { ok: 1 });
      await assert.rejects(openControl(none, services, silentLog, systemClock), /another Weir runs/);
      await server.close();
      await assert.rejects(askDaemon(none, 'hello'), (error) => {
        assert.ok(isWeirError(error, 'CONTROL_UNREACHABLE'));
        assert.ok(error.message.includes(join(none, 'control.sock')), 'the place that is known');
        return true;
      });
    });
  });
});
