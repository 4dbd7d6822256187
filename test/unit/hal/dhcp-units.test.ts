import assert from 'node:assert/strict';
import { DhcpUnits } from '../../../hal/linux/dhcp-runner.ts';
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

  it('say what root has against it', async () => {
    const verbs = new SimRootVerbs();
    verbs.verbs.set('dhcp', () => ({ reason: 'refused', text: 'systemd does not do it' }));
    await assert.rejects(new DhcpUnits(verbs).start(client), { code: 'VERB_FAILED' });
  });
});
