import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog, systemClock } from '#base';
import { DhcpClients } from '../../../hal/linux/dhcp-clients.ts';
import { DhcpUnits } from '../../../hal/linux/dhcp-runner.ts';
import { LinuxResolver } from '../../../hal/linux/resolver.ts';
import { SimRootVerbs } from '../../../hal/sim/root-verbs.ts';

describe('DHCP clients that are units', () => {
  const client = { device: 'wan.100', family: 6 } as const;

  it('are asked for by the verb of root, and found again', async () => {
    const verbs = new SimRootVerbs();
    verbs.verbs.set('dhcp', ([what]) => (what === 'list' ? ['wan0 4', 'wan.7 6', 'nonsense', 'x 5'] : []));
    const units = new DhcpUnits(verbs);
    await units.start(client);
    await units.rebind(client);
    await units.stop(client);
    assert.deepEqual(
      verbs.asked.map(({ words }) => words.join(' ')),
      ['start wan.100 6', 'rebind wan.100 6', 'stop wan.100 6'],
    );
    assert.deepEqual(await units.left(), [
      { device: 'wan0', family: 4 },
      { device: 'wan.7', family: 6 },
    ]);
  });

  it('that cannot be told of keep Weir from nothing: the next one is asked for all the same', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'weir-test-'));
    const verbs = new SimRootVerbs();
    verbs.verbs.set('dhcp', ([what]) => (what === 'list' ? { reason: 'refused', text: 'no' } : []));
    const runner = new DhcpUnits(verbs);
    const common = { clock: systemClock, log: silentLog };
    await using clients = new DhcpClients({
      ...common,
      runner,
      folder,
      resolver: new LinuxResolver({ file: join(folder, 'resolv.conf'), log: silentLog }),
    });
    await clients.open();
    await clients.start('wan0', 4);
    assert.deepEqual(
      clients.running.map(({ device, family }) => ({ device, family })),
      [{ device: 'wan0', family: 4 }],
    );
    await clients.stop('wan0', 4);
    assert.deepEqual(clients.running, []);
    await rm(folder, { recursive: true });
  });

  it('say what root has against it', async () => {
    const verbs = new SimRootVerbs();
    verbs.verbs.set('dhcp', () => ({ reason: 'refused', text: 'systemd does not do it' }));
    await assert.rejects(new DhcpUnits(verbs).start(client), { code: 'VERB_FAILED' });
  });
});
