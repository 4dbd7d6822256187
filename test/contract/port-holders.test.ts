import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describeReal } from './describe-real.ts';
import { SerialCable } from './serial-cable.ts';

const verb = join(import.meta.dirname, '..', '..', 'image', 'libexec', 'verb-port-holders');
const program = join(import.meta.dirname, 'port-holders-process.ts');

describeReal('who has a serial port open', import.meta.filename, function (this: Mocha.Suite) {
  this.timeout(30_000);

  it('is found by a verb of root’s where a process sees no others (hidepid=invisible, ProtectProc=)', async () => {
    await using cable = await SerialCable.plugIn();
    chmodSync(realpathSync(cable.near), 0o666);
    const folder = mkdtempSync(join(tmpdir(), 'weir-verbs-'));
    chmodSync(folder, 0o755);
    // As systemd does: one process for each connection, which is its standard input and output.
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      const child = spawn('sh', [verb], { stdio: ['pipe', 'pipe', 'inherit'] });
      socket.pipe(child.stdin);
      child.stdout.pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(join(folder, 'port-holders'), resolve));
    chmodSync(join(folder, 'port-holders'), 0o666);
    const getty = spawn(
      'setsid',
      [
        '--wait',
        'agetty',
        '--local-line',
        '--nohostname',
        '--noissue',
        '115200',
        realpathSync(cable.near).replace('/dev/', ''),
        'dumb',
      ],
      { stdio: 'ignore' },
    );
    try {
      // Another user, who may open the port as a getty leaves it (0600), in a mount namespace of its own whose /proc shows a process nothing but itself.
      const unprivileged = [
        'setpriv',
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        '--bounding-set=-all,+dac_override',
        '--inh-caps=-all,+dac_override',
        '--ambient-caps=-all,+dac_override',
      ];
      const inside = 'mount -t proc -o hidepid=invisible proc /proc && exec "$@"';
      const ask = async (): Promise<readonly (readonly string[])[]> => {
        const child = spawn(
          'unshare',
          [
            '--mount',
            'sh',
            '-c',
            inside,
            'sh',
            ...unprivileged,
            process.execPath,
            program,
            cable.near,
            folder,
          ],
          { stdio: ['ignore', 'pipe', 'inherit'] },
        );
        const said = text(child.stdout);
        const [status] = await once(child, 'exit');
        assert.equal(status, 0);
        return JSON.parse(await said);
      };
      // A getty takes a moment to open its port.
      let seen = await ask();
      for (let times = 0; times < 20 && !seen[1]?.includes('agetty'); times += 1) seen = await ask();
      const [alone, byVerb] = seen;
      assert.deepEqual(alone, []);
      assert.deepEqual(byVerb?.toSorted(), ['agetty', 'socat']);
    } finally {
      getty.kill('SIGKILL');
      await cable.pull();
      server.close();
      rmSync(folder, { recursive: true });
    }
  });
});
