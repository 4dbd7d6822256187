import type { World } from '../../src/demo/world/index.ts';
import { createLabWorld } from './lab-world.ts';
import { ScriptedOrigin } from './origin-scripted.ts';

/** A lab with one origin that is always live. */
export interface LiveLab {
  readonly world: World;
  readonly origin: ScriptedOrigin;
  readonly url: string;
}

/** Makes it before the tests of the suite that calls this, and takes it away after them. */
export function liveLab(): LiveLab {
  let world: World | undefined;
  let origin: ScriptedOrigin | undefined;
  before(async () => {
    world = await createLabWorld();
    origin = await ScriptedOrigin.start(world.origin.host, { port: 554 });
  });
  after(async () => {
    await origin?.close();
    await world?.close();
  });
  const made = <T>(part: T | undefined): T => {
    if (part === undefined) throw new Error('the lab is made before the tests');
    return part;
  };
  return {
    get world() {
      return made(world);
    },
    get origin() {
      return made(origin);
    },
    get url() {
      return `rtsp://${made(world).origin.address4}/live`;
    },
  };
}
