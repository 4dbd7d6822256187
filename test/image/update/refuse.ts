import { strict as assert } from 'node:assert';
import type { UpdateStatus } from '../../../src/operations/update-status.ts';
import type { UpdateRig } from './rig.ts';
import type { Result } from './take.ts';
import { provideUnfit, unfitBundles } from './versions.ts';

/** What is not for this box is refused with one clear line; which version runs and which one is started next stays as it was. */
export async function refuseBundles(rig: UpdateRig): Promise<readonly Result[]> {
  const results: Result[] = [];
  const unclear: string[] = [];
  const refused = async (what: string, bundle: string, said: RegExp) => {
    const line = (await rig.install(bundle)).trim().split('\n').at(-1) ?? '';
    if (!said.test(line)) unclear.push(`${what}: ${line}`);
    const { slots } = await rig.technician.asks<UpdateStatus>('show update');
    const [running, other] = slots[0].running ? slots : [slots[1], slots[0]];
    assert.deepEqual([running.condition, running.triesLeft, running.next], ['good', 3, true]);
    assert.deepEqual([other.installed, other.triesLeft], [false, 0], 'it is in the other slot');
    results.push([`a bundle: ${what}`, 'refused']);
    rig.say(`${what}: ${line}`);
  };
  for (const unfit of unfitBundles) {
    await refused(unfit.what, await provideUnfit(rig.depot, unfit), unfit.said);
  }
  await refused('that is not there', 'weir-9.9.9.raucb', /cannot be fetched/);
  assert.match(await rig.technician.command('request system activate confirmed'), /holds no whole version/);
  assert.deepEqual(unclear, [], 'it does not say why');
  return results;
}
