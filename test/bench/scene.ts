import { CloseStack } from '#base';
import { createWorld, type World } from '../../src/demo/world/index.ts';
import { Daemon } from './daemon.ts';
import { SourceProcess, type TraceOptions } from './load/index.ts';
import { pinnedWorld } from './pinned-world.ts';

/** The feed of all benchmarks; a start point every second keeps the wait before a measurement short. */
export const feed = {
  bitsPerSecond: 4_000_000,
  framesPerSecond: 25,
  groupSeconds: 1,
  stampPayload: true,
} satisfies TraceOptions;

const relayedPort = 554;
/** Not intercepted: the box forwards it in the kernel, as any router does. */
const directPort = 10_554;

export interface Place {
  readonly url: string;
  readonly server: { readonly address: string; readonly port: number };
}

/** Origin, box and viewers, the appliance on the box, and the live source twice: behind Weir, and past it. */
export interface Scene extends AsyncDisposable {
  readonly world: World;
  readonly daemon: Daemon;
  readonly relayed: Place;
  readonly direct: Place;
}

export async function openScene(): Promise<Scene> {
  const parts = new CloseStack();
  try {
    const world = pinnedWorld(parts.use(await createWorld()));
    const address = world.origin.address4;
    const place = async (port: number): Promise<Place> => {
      parts.use(await SourceProcess.start(world.origin.host, { address, port, ...feed }));
      return { url: `rtsp://${address}:${port}/live`, server: { address, port } };
    };
    const [relayed, direct] = [await place(relayedPort), await place(directPort)];
    const daemon = parts.use(await Daemon.start(world, relayedPort));
    return { world, daemon, relayed, direct, [Symbol.asyncDispose]: () => parts.close() };
  } catch (error) {
    await parts.close();
    throw error;
  }
}
