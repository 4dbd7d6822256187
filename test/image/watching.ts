import { strict as assert } from 'node:assert';
import type { World } from '../../src/demo/world/index.ts';
import type { ScriptedOrigin } from '../lab/origin-scripted.ts';
import { ScriptedViewers } from '../lab/viewers-scripted.ts';
import { answersWithinMs } from './technician.ts';

/** A viewer watches by UDP for a moment; the addresses from which the origin was asked meanwhile: the gateway's, or the viewer's own. */
export async function watchedFrom(world: World, origin: ScriptedOrigin): Promise<readonly string[]> {
  const { host, address4 } = world.viewer;
  const url = `rtsp://${world.origin.address4}/live`;
  const before = origin.askedBy(() => true).length;
  await using viewer = await ScriptedViewers.start(host, { url, sources: [address4] });
  assert.deepEqual(await viewer.settled(answersWithinMs), [200]);
  await viewer.watching(answersWithinMs);
  viewer.command({ command: 'teardown' });
  await viewer.program.until(() => viewer.told('ended').length > 0, answersWithinMs, 'its end');
  return origin.askedBy(() => true).slice(before);
}
