import { strict as assert } from 'node:assert';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LinuxSerialPorts } from '../../hal/linux/serial-ports.ts';
import { SerialCable } from '../contract/serial-cable.ts';
import { Operator } from '../operator.ts';
import { liveLab } from './live-lab.ts';
import { Program } from './program.ts';
import { ScriptedViewers } from './viewers-scripted.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const password = 'correct horse battery';
/** What a technician may have to type. */
const mostLines = 25;

describe('lab: a box as it comes from the factory', function () {
  this.timeout(90_000);
  const lab = liveLab();
  let cable: SerialCable;
  let folder: string;
  let daemon: Program;

  before(async () => {
    cable = await SerialCable.plugIn();
    folder = await mkdtemp(join(tmpdir(), 'weir-setup-'));
    const config = ['--config', join(folder, 'config.json'), '--data', join(folder, 'data')];
    const argv = [process.execPath, main, 'run', ...config, '--console', cable.near] as const;
    daemon = await Program.start(lab.world.box, [...argv]);
  });
  after(async () => {
    daemon?.signal('SIGTERM');
    await daemon?.ended(10_000).catch(() => {});
    await daemon?.close();
    await cable?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it(`relays a stream after a set-up over its serial port with at most ${mostLines} typed lines`, async () => {
    const { world, url } = lab;
    await using port = await new LinuxSerialPorts().open({ path: cable.far, baud: 115_200 });
    const technician = new Operator(port.stream, 20_000);
    let lines = 0;
    const type = (line: string) => {
      lines += 1;
      technician.type(`${line}\r`);
    };
    const answer = async (question: RegExp, line: string) => {
      const seen = await technician.sees(question);
      type(line);
      return seen;
    };

    await answer(/press Enter to begin/, '');
    const table = await answer(/toward the IP network.*\(wan\)\? \[1\] $/, 'wan0');
    for (const { device, host } of [
      { device: 'wan0', host: world.box },
      { device: 'lan0', host: world.box },
    ]) {
      const [link] = JSON.parse(await host.ip('-json', 'link', 'show', device));
      assert.match(table, new RegExp(`${device} +up .*${link.address}`));
    }
    await answer(/toward the viewers.*\(access\)\? /, 'lan0');
    await answer(/Address of wan0/, `${world.wan.address4}/24`);
    await answer(/Default gateway/, '');
    await answer(/Name servers/, '');
    await answer(/Address of lan0/, 'keep');
    await answer(/TCP ports of the origins/, '554');
    await answer(/Who gets the records/, '203.0.113.98');
    await answer(/Secret shared/, 'radius secret');
    await answer(/Name of this box/, 'box7');
    await answer(/Name of the administrator/, '');
    await answer(/Password of admin/, password);
    await answer(/again: $/, password);
    const shown = await answer(/Commit this\? \[yes\] $/, '');
    assert.match(shown, /set interfaces wan device wan0\n?/);
    await technician.sees(/The box relays[\s\S]*@box7> $/);

    await using viewers = await ScriptedViewers.start(world.viewer.host, {
      url,
      sources: [world.viewer.address4],
    });
    assert.deepEqual(await viewers.settled(10_000), [200]);
    await viewers.watching(10_000);
    assert.match(await technician.command('show viewers'), new RegExp(`${world.viewer.address4} +playing`));
    assert.ok(lines <= mostLines, `${lines} lines`);
    await viewers.teardown();

    // From now on who has the cable needs the password.
    technician.type('exit\r');
    await technician.logIn('admin', password);
    for (const secret of [password, 'radius secret']) {
      assert.ok(!technician.transcript.includes(secret), 'a secret was shown');
      assert.ok(!daemon.tail.includes(secret), 'a secret was logged');
    }
  });
});
