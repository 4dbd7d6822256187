import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { holdersOf } from '../../hal/linux/port-holders.ts';
import { LinuxSerialPorts } from '../../hal/linux/serial-ports.ts';
import { SimSerialPorts } from '../../hal/sim/serial-ports.ts';
import { SerialCable } from './serial-cable.ts';
import { type SerialWorld, serialPortsContract } from './serial-ports.contract.ts';

async function simWorld(): Promise<SerialWorld> {
  const ports = new SimSerialPorts();
  const path = '/dev/ttySim0';
  const far = ports.plugIn(path);
  return {
    ports,
    path,
    far,
    unplug: async () => ports.unplug(path),
    openElsewhere: async () => {
      ports.openElsewhere(path, { pid: 4711, program: 'agetty' });
      return 'agetty';
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

async function realWorld(): Promise<SerialWorld> {
  const cable = await SerialCable.plugIn();
  const ports = new LinuxSerialPorts();
  const far = await ports.open({ path: cable.far, baud: 115_200 });
  const others: (() => Promise<void>)[] = [];
  return {
    ports,
    path: cable.near,
    far: far.stream,
    unplug: () => cable.pull(),
    openElsewhere: async () => {
      const other = spawn('sh', ['-c', `exec 3<"${cable.near}"; echo open; read wait`], { stdio: 'pipe' });
      others.push(async () => {
        other.kill();
        await once(other, 'exit');
      });
      await once(other.stdout, 'data');
      return 'sh';
    },
    [Symbol.asyncDispose]: async () => {
      for (const end of others) await end();
      await far.close();
      await cable[Symbol.asyncDispose]();
    },
  };
}

describe('simulated serial ports', () => {
  serialPortsContract(simWorld);
});

describe('serial ports of Linux', () => {
  serialPortsContract(realWorld);

  it('are known to be held by whose terminal they are, where its files may not be looked at', async () => {
    const proc = await mkdtemp(join(tmpdir(), 'weir-proc-'));
    try {
      const { rdev } = await stat('/dev/null');
      for (const [pid, name, terminal] of [
        [612, 'a (strange) name', rdev],
        [613, 'other', rdev + 1],
      ] as const) {
        await mkdir(join(proc, String(pid)));
        await writeFile(join(proc, String(pid), 'comm'), `${name}\n`);
        await writeFile(
          join(proc, String(pid), 'stat'),
          `${pid} (${name}) S 1 ${pid} ${pid} ${terminal} ${pid} 0\n`,
        );
      }
      assert.deepEqual(await holdersOf('/dev/null', proc), [{ pid: 612, program: 'a (strange) name' }]);
    } finally {
      await rm(proc, { recursive: true });
    }
  });

  it('read nothing any more once the device is gone, instead of reading nothing again and again', async () => {
    await using cable = await SerialCable.plugIn();
    await using port = await new LinuxSerialPorts().open({ path: cable.near, baud: 9600 });
    const closed = once(port.stream.resume(), 'close');
    await cable.pull();
    await closed;
    assert.match(String(port.lostBecause), /^(EIO|the device is gone)$/);
  });
});
