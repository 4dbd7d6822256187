import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createLog } from '#base';
import { openDatapath } from '../../hal/datapath/datapath.ts';

const loopback = 1;

function opened(options: { cloning?: boolean }) {
  const lines: string[] = [];
  const log = createLog({ write: (line) => lines.push(line), level: () => 'info', nowMs: () => 0 });
  const datapath = openDatapath({ log, realtime: false, threads: 2, ...options });
  return { datapath, lines };
}

describe('cloning in the kernel', () => {
  it('is off unless it is asked for, and says so', async () => {
    const { datapath, lines } = opened({});
    await using _ = datapath;
    await datapath.cloneAt(loopback);
    assert.deepEqual(datapath.fanOut(), { by: 'sockets', why: 'switched off', clonedPackets: 0n });
    assert.deepEqual(lines, []);
  });

  describe('with the rights', () => {
    before(function () {
      if (process.getuid?.() !== 0) this.skip();
    });

    it('begins when the NIC is known, and ends when it has gone', async () => {
      const { datapath, lines } = opened({ cloning: true });
      await using _ = datapath;
      assert.deepEqual(datapath.fanOut(), { by: 'sockets', why: 'no access NIC', clonedPackets: 0n });
      await datapath.cloneAt(loopback);
      assert.deepEqual(datapath.fanOut(), { by: 'clones', why: undefined, clonedPackets: 0n });
      await datapath.cloneAt(undefined);
      assert.equal(datapath.fanOut().why, 'no access NIC');
      assert.deepEqual(lines, []);
    });

    it('tells once why not where there is no such NIC, and goes on with the next one', async () => {
      const { datapath, lines } = opened({ cloning: true });
      await using _ = datapath;
      await datapath.cloneAt(0x7fff_fff0);
      await datapath.cloneAt(0x7fff_fff0);
      assert.equal(lines.length, 1);
      assert.match(datapath.fanOut().why ?? '', /BPF_LINK_CREATE.*ENODEV/);
      await datapath.cloneAt(loopback);
      assert.equal(datapath.fanOut().by, 'clones');
    });

    it('needs no more than CAP_BPF and CAP_NET_ADMIN, and without them everybody is sent to', () => {
      const script = join(import.meta.dirname, 'exits', 'clone-rights.ts');
      const under = (dropped: string) => {
        const args = [`--bounding-set=${dropped}`, '--inh-caps=-all', process.execPath, script];
        const { stdout, stderr } = spawnSync('setpriv', args, { encoding: 'utf8' });
        assert.equal(stderr, '');
        return JSON.parse(stdout) as { by: string; why?: string; warnings: number };
      };
      assert.deepEqual(under('-all,+bpf,+net_admin,+dac_override'), { by: 'clones', warnings: 0 });
      assert.deepEqual(under('-bpf,-sys_admin'), {
        by: 'sockets',
        why: 'BPF_MAP_CREATE: EPERM',
        warnings: 1,
      });
    });
  });

  it('is over with its datapath', async () => {
    const { datapath } = opened({ cloning: true });
    await datapath.close();
    await datapath.cloneAt(loopback);
    assert.equal(datapath.fanOut().by, 'sockets');
  });
});
