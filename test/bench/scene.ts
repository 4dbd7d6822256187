import { CloseStack } from '#base';
import { createWorld, type World } from '../../src/demo/world/index.ts';
import { Daemon, type RelayConfig } from './daemon.ts';
import { SourceProcess, type TraceOptions } from './load/index.ts';
import { pinnedWorld } from './pinned-world.ts';

/** The feed of a benchmark that asks for no other; a start point every second keeps the wait before a measurement short. */
export const feed = {
  bitsPerSecond: 4_000_000,
  framesPerSecond: 25,
  groupSeconds: 1,
  stampPayload: true,
} satisfies TraceOptions;

/** Of the first feed; of a further one it is the next thousand. */
const relayedPort = 554;
/** Not intercepted: the box forwards it in the kernel, as any router does. */
const directPort = 10_554;

export interface Place {
  readonly url: string;
  readonly server: { readonly address: string; readonly port: number };
}

export interface SceneOptions {
  readonly trace?: TraceOptions;
  /** Behind Weir, each a source of its own; 1 unless said. */
  readonly feeds?: number;
  /** Values of the appliance's `relay` configuration beside the smallest one. */
  readonly relay?: RelayConfig;
  /** Of the daemon's process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Origin, box and viewers, the appliance on the box, and the live source twice: behind Weir, and past it. */
export interface Scene extends AsyncDisposable {
  readonly world: World;
  readonly daemon: Daemon;
  readonly trace: TraceOptions;
  /** The first of the feeds. */
  readonly relayed: Place;
  readonly feeds: readonly Place[];
  readonly direct: Place;
  /** Of the source that `direct` leads to. */
  readonly directPid: number;
}

/** Box, origin and viewers, with the appliance on the box; who wants a source starts it. */
export interface Box extends AsyncDisposable {
  readonly world: World;
  readonly daemon: Daemon;
  /** Where it intercepts. */
  readonly port: number;
}

export async function openBox(relay: RelayConfig = {}): Promise<Box> {
  const parts = new CloseStack();
  try {
    const world = pinnedWorld(parts.use(await createWorld()));
    const daemon = parts.use(await Daemon.start(world, [relayedPort], relay));
    return { world, daemon, port: relayedPort, [Symbol.asyncDispose]: () => parts.close() };
  } catch (error) {
    await parts.close();
    throw error;
  }
}

export async function openScene(options: SceneOptions = {}): Promise<Scene> {
  const { trace = feed, feeds: feedCount = 1, relay = {}, env = {} } = options;
  const parts = new CloseStack();
  try {
    const world = pinnedWorld(parts.use(await createWorld()));
    const address = world.origin.address4;
    const source = async (port: number): Promise<Place & { readonly pid: number }> => {
      const { pid } = parts.use(await SourceProcess.start(world.origin.host, { address, port, ...trace }));
      return { url: `rtsp://${address}:${port}/live`, server: { address, port }, pid };
    };
    const direct = await source(directPort);
    const relayed = await source(relayedPort);
    const ports = Array.from({ length: feedCount }, (_, index) => relayedPort + 1000 * index);
    const feeds: Place[] = [relayed];
    for (const port of ports.slice(1)) feeds.push(await source(port));
    const daemon = parts.use(await Daemon.start(world, ports, relay, env));
    return {
      ...{ world, daemon, trace, relayed, feeds, direct, directPid: direct.pid },
      [Symbol.asyncDispose]: () => parts.close(),
    };
  } catch (error) {
    await parts.close();
    throw error;
  }
}
