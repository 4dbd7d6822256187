import { strict as assert } from 'node:assert';
import type { World } from '../../src/demo/world/index.ts';
import { createLabWorld } from './lab-world.ts';
import { Program } from './program.ts';
import { StoppedThread } from './stopped-thread.ts';
import { Weir } from './weir.ts';

/** Within which systemd would have to see a sign of life. */
const patienceMs = 1000;

/** Prints each datagram that comes, as systemd would take it. */
const listen = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(chr(0) + sys.argv[1])
print('listening', flush=True)
while True: print(s.recv(4096).decode(), flush=True)
`;

describe('lab: the daemon under a supervisor', function () {
  this.timeout(60_000);
  let world: World;
  let supervisor: Program;
  let weir: Weir;
  let told: string[];

  before(async () => {
    world = await createLabWorld();
    told = [];
    const name = `weir-supervisor-${process.pid}`;
    supervisor = await Program.start(world.box, ['python3', '-c', listen, name], {
      onLine: (line) => told.push(line),
    });
    await supervisor.until(() => told.includes('listening'), 10_000, 'listening');
    const env = { NOTIFY_SOCKET: `@${name}`, WATCHDOG_USEC: String(patienceMs * 1000) };
    weir = await Weir.start(world, { env, relay: { engineThreads: 2 } });
  });
  after(async () => {
    await weir?.close();
    await supervisor?.close();
    await world?.close();
  });

  const signs = () => told.filter((line) => line === 'WATCHDOG=1').length;
  const more = async () => {
    const before = signs();
    await supervisor.until(() => signs() > before + 1, 10_000, 'two more signs of life');
  };
  /** How many signs come in twice the time in which one is missed. */
  const signsMeanwhile = async () => {
    // What was sent before is still on its way for a moment.
    await new Promise((resolve) => setTimeout(resolve, patienceMs / 2));
    const before = signs();
    await new Promise((resolve) => setTimeout(resolve, 2 * patienceMs));
    return signs() - before;
  };

  it('says when it is ready, and from then on that it lives', async () => {
    await supervisor.until(() => told.includes('READY=1'), 10_000, 'READY=1');
    await more();
    assert.equal(told.filter((line) => line === 'READY=1').length, 1);
  });

  it('says nothing while an engine thread stands still, and goes on with it', async () => {
    {
      await using _stopped = await StoppedThread.stop(weir.program.pid, 'weir-datapath-1');
      assert.equal(await signsMeanwhile(), 0);
    }
    await more();
  });

  it('says nothing while it is stopped as a whole', async () => {
    weir.program.signal('SIGSTOP');
    assert.equal(await signsMeanwhile(), 0);
    weir.program.signal('SIGCONT');
    await more();
  });

  it('says that it ends when it is told to', async () => {
    assert.equal((await weir.terminate()).code, 0);
    await supervisor.until(() => told.at(-1) === 'STOPPING=1', 10_000, 'STOPPING=1');
  });
});
