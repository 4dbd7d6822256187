import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CloseStack, WeirError } from '#base';
import type { HostProcess } from '../../src/demo/world/index.ts';
import { Trace } from './load/index.ts';
import type { Place, Scene } from './scene.ts';

/** Something that serves viewers in Weir's place, and the process whose CPU that costs. */
export interface Peer extends AsyncDisposable {
  readonly place: Place;
  readonly pid: number;
}

export interface PeerKind {
  readonly name: string;
  readonly transports: readonly ('udp' | 'tcp')[];
  /** It serves in the box's place, as Weir does: the goals compare with it. */
  readonly relays: boolean;
  /** What of it is not on this machine; nothing: it is there. */
  readonly missing: () => string | undefined;
  readonly start: (scene: Scene) => Promise<Peer>;
}

const port = 8654;
const publishPort = 8655;
const path = '/live';
const startMs = 20_000;
const file = (name: string): string => fileURLToPath(new URL(`peers/${name}`, import.meta.url));
const nothingMissing = () => undefined;

/** Beside the other programs that npm brings; no part of Weir. */
const packageFolder = fileURLToPath(new URL('../../node_modules/.weir-bench-peers', import.meta.url));
const streamingServer = { name: 'rtsp-streaming-server', version: '2.1.0' };
const streamingServerFolder = `${packageFolder}/node_modules/${streamingServer.name}`;

/** Installs the peer that comes from the npm registry. Without it the others are measured. */
export async function installPeers(progress: (line: string) => void): Promise<void> {
  if (existsSync(streamingServerFolder)) return;
  const wanted = `${streamingServer.name}@${streamingServer.version}`;
  progress(`peers: installing ${wanted}`);
  await mkdir(packageFolder, { recursive: true });
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-save'];
  try {
    await promisify(execFile)('npm', ['install', '--prefix', packageFolder, ...flags, wanted]);
  } catch (error) {
    progress(`peers: goes on without ${wanted}: ${(error as Error).message.split('\n', 1)[0]}`);
  }
}

const gstreamer = (how: 'asis' | 'repay', name: string): PeerKind => ({
  name,
  transports: ['udp', 'tcp'],
  relays: true,
  missing: nothingMissing,
  start: (scene) =>
    onTheBox(scene, async () => {
      const args = [file('gstreamer-relay.py'), scene.direct.url, String(port), path, how];
      const server = await scene.world.box.spawn('/usr/bin/python3', args);
      await server.prints(/^ready$/m, { timeoutMs: startMs });
      return server;
    }),
});

/** Servers that wait for someone to publish: here the origin, with the same trace. */
const published = (
  name: string,
  missing: PeerKind['missing'],
  start: (scene: Scene) => Promise<HostProcess>,
): PeerKind => ({
  name,
  transports: ['udp'],
  relays: true,
  missing,
  start: (scene) =>
    onTheBox(scene, async (parts) => {
      const server = parts.use(await start(scene));
      const { origin, wan } = scene.world;
      const args = [file('publish-process.ts'), wan.address4, String(publishPort), path];
      const publisher = parts.use(await origin.host.spawn(process.execPath, args));
      const [, recordPort] = await publisher.prints(/^record (\d+)$/m, { timeoutMs: startMs });
      const target = { address: wan.address4, port: Number(recordPort) };
      parts.use(await Trace.start(origin, target, scene.trace));
      return server;
    }),
});

/** Weir, then what can be had from Debian or npm, relays RTSP and carries some hundred viewers, then the source itself. */
export const peerKinds: readonly PeerKind[] = [
  {
    name: 'Weir',
    transports: ['udp', 'tcp'],
    relays: false,
    missing: nothingMissing,
    start: async ({ relayed, daemon }) => ({
      place: relayed,
      pid: daemon.pid,
      [Symbol.asyncDispose]: async () => {},
    }),
  },
  gstreamer('asis', 'GStreamer, packets as they came'),
  gstreamer('repay', 'GStreamer, packed anew'),
  published(
    `${streamingServer.name} ${streamingServer.version} (npm)`,
    () => (existsSync(streamingServerFolder) ? undefined : 'it could not be installed'),
    async ({ world }) => {
      const ports = [publishPort, port].map(String);
      const args = [file('streaming-server.cjs'), packageFolder, ...ports];
      const server = await world.box.spawn(process.execPath, args);
      await server.prints(/^ready$/m, { timeoutMs: startMs });
      return server;
    },
  ),
  {
    name: 'the source itself, no relay',
    transports: ['udp', 'tcp'],
    relays: false,
    missing: nothingMissing,
    start: async ({ direct, directPid }) => ({
      place: direct,
      pid: directPid,
      [Symbol.asyncDispose]: async () => {},
    }),
  },
];

/** A server on the box, asked at the box's own address. */
async function onTheBox({ world }: Scene, start: (parts: CloseStack) => Promise<HostProcess>): Promise<Peer> {
  const parts = new CloseStack();
  const address = world.access.address4;
  try {
    const server = parts.use(await start(parts));
    const place = { url: `rtsp://${address}:${port}${path}`, server: { address, port } };
    return { place, pid: server.pid, [Symbol.asyncDispose]: () => parts.close() };
  } catch (cause) {
    await parts.close();
    throw new WeirError('COMMAND_FAILED', 'the peer did not start', { cause });
  }
}
