import { createLabWorld } from './lab-world.ts';
import { Newcomers } from './newcomers.ts';
import { ScriptedOrigin } from './origin-scripted.ts';
import { Weir } from './weir.ts';

const withinMs = 30_000;

describe('lab: viewers who come while the daemon stands still', function () {
  this.timeout(4 * withinMs);

  it('reach the origin past it, also those who had dialled it, and those who come when it goes on are relayed', async () => {
    await using world = await createLabWorld();
    await using weir = await Weir.start(world);
    await using origin = await ScriptedOrigin.start(world.origin.host, { port: 554 });
    await using newcomers = await Newcomers.start(world, origin, { everyMs: 200, most: 400 });
    await newcomers.until(({ way }) => way === 'relayed', withinMs);
    const stoppedAtMs = Date.now();
    weir.program.signal('SIGSTOP');
    const past = await newcomers.until(
      ({ cameAtMs, way }) => way === 'past' && cameAtMs > stoppedAtMs,
      withinMs,
    );
    weir.program.signal('SIGCONT');
    await newcomers.until(({ cameAtMs, way }) => way === 'relayed' && cameAtMs > past.mediaAtMs, withinMs);
  });
});
