import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { LinuxSupervisor, toldBySystemd } from '../../hal/linux/supervisor.ts';
import { openSyscalls } from '../../hal/linux/syscalls.ts';
import { SimSupervisor } from '../../hal/sim/supervisor.ts';
import { type SupervisorWorld, supervisorContract } from './supervisor.contract.ts';

/** Listens as systemd does, says so, and prints what comes, a line a datagram; Node has no such sockets. */
const listen = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', chr(0), 1))
print('listening', flush=True)
while True: print(repr(s.recv(4096).decode()), flush=True)
`;

async function realWorld(address: string): Promise<SupervisorWorld> {
  const listener = spawn('python3', ['-c', listen, address], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(listener, 'exit');
  const lines = createInterface({ input: listener.stdout })[Symbol.asyncIterator]();
  const next = async () => String((await lines.next()).value);
  assert.equal(await next(), 'listening');
  const { sendDatagram } = await openSyscalls();
  const environment = { NOTIFY_SOCKET: address, WATCHDOG_USEC: '4000000', WATCHDOG_PID: String(process.pid) };
  return {
    supervisor: new LinuxSupervisor(sendDatagram, environment),
    heard: async (count) => {
      const heard: string[] = [];
      while (heard.length < count) heard.push((await next()).slice(1, -1));
      return heard;
    },
    [Symbol.asyncDispose]: async () => {
      listener.kill('SIGKILL');
      await ended;
    },
  };
}

describe('the simulated supervisor', () => {
  supervisorContract(async () => {
    const supervisor = new SimSupervisor({ patienceMs: 4000 });
    return {
      supervisor,
      heard: async (count) => supervisor.told.slice(0, count),
      [Symbol.asyncDispose]: async () => {},
    };
  });
});

describe('systemd as the supervisor', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-notify-'));
  });

  after(() => rmSync(folder, { recursive: true }));

  describe('at a path', () => {
    let count = 0;
    supervisorContract(() => realWorld(join(folder, `notify-${++count}`)));
  });

  describe('at an abstract address', () => {
    let count = 0;
    supervisorContract(() => realWorld(`@weir-notify-${process.pid}-${++count}`));
  });

  it('takes what it was told by out of the environment, so that no child process can speak for it', () => {
    const environment = { NOTIFY_SOCKET: join(folder, 'nobody'), WATCHDOG_USEC: '1', PATH: '/bin' };
    const told = toldBySystemd(environment);
    assert.deepEqual(told, { NOTIFY_SOCKET: join(folder, 'nobody'), WATCHDOG_USEC: '1' });
    assert.deepEqual(environment, { PATH: '/bin' });
  });

  it('is silent where nobody listens, and where the watchdog is another process', async () => {
    const { sendDatagram } = await openSyscalls();
    const sent: string[] = [];
    const send = (path: string, bytes: Buffer) => {
      sent.push(path);
      return sendDatagram(path, bytes);
    };
    const alone = new LinuxSupervisor(send, { WATCHDOG_USEC: '4000000' });
    alone.ready();
    assert.deepEqual([sent, alone.patienceMs], [[], undefined]);
    const gone = join(folder, 'gone');
    const other = new LinuxSupervisor(send, {
      NOTIFY_SOCKET: gone,
      WATCHDOG_USEC: '4000000',
      WATCHDOG_PID: '1',
    });
    other.alive();
    assert.deepEqual([sent, other.patienceMs], [[gone], undefined]);
  });

  it('leaves no descriptor behind, whether it was heard or not', async () => {
    const { sendDatagram } = await openSyscalls();
    const before = readdirSync('/proc/self/fd').length;
    for (let count = 0; count < 20; count += 1) {
      assert.equal(sendDatagram(join(folder, 'gone'), Buffer.from('x')), false);
      assert.equal(sendDatagram('x'.repeat(200), Buffer.from('x')), false);
    }
    assert.equal(readdirSync('/proc/self/fd').length, before);
  });
});
