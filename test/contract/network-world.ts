/**
 * The network around the box for tests of the real HAL. The network namespace of this process is the box; a viewer and
 * an origin are hosts of their own behind `lan0` and `wan0`.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CloseStack } from '#base';
import type { PeerCalls } from './network-peer.ts';

export const viewerAt = { v4: '198.51.100.10', v6: '2001:db8:2::10' } as const;
export const originAt = { v4: '203.0.113.10', v6: '2001:db8:1::10' } as const;
export const boxOnAccess = { v4: '198.51.100.1', v6: '2001:db8:2::1' } as const;
export const boxOnWan = { v4: '203.0.113.1', v6: '2001:db8:1::1' } as const;

/** The NICs of this network namespace, in the order of the kernel. */
export const devices = (): readonly string[] =>
  readFileSync('/proc/net/dev', 'utf8')
    .split('\n')
    .flatMap((line) => /^\s*([^:\s]+):/.exec(line)?.[1] ?? []);

/** Looked at when the tests are loaded: `test/run.ts` gives them a network namespace with a loopback and no more. */
export const privateNetwork = process.getuid?.() === 0 && devices().every((device) => device === 'lo');

/** ip(8) in the network namespace of the box. */
export function ip(args: string): string {
  return execFileSync('ip', args.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Some kernels are built without CONFIG_VLAN_8021Q. */
export function kernelHasVlans(): boolean {
  try {
    ip('link add link lo name probe.1 type vlan id 1');
    ip('link del probe.1');
    return true;
  } catch {
    return false;
  }
}

type Result<Call extends keyof PeerCalls> = Promise<Awaited<ReturnType<PeerCalls[Call]>>>;

/** A host with a network namespace of its own. */
export class Peer implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<
    number,
    { resolve: (result: unknown) => void; reject: (error: Error) => void }
  >();
  #nextId = 1;

  private constructor(child: ChildProcess) {
    this.#process = child;
    child.on('message', ({ id, result, error }: { id: number; result?: unknown; error?: string }) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error));
    });
  }

  static async start(): Promise<Peer> {
    const child = spawn(
      'unshare',
      ['--net', process.execPath, join(import.meta.dirname, 'network-peer.ts')],
      {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      },
    );
    const peer = new Peer(child);
    await once(child, 'message');
    await peer.call('ip', 'link set lo up');
    await peer.call('sysctl', 'net/ipv6/conf/default/accept_dad', '0');
    return peer;
  }

  /** unshare(1) without --fork becomes the program: this is the process in the namespace. */
  get pid(): number {
    return this.#process.pid ?? 0;
  }

  call<Call extends keyof PeerCalls>(call: Call, ...args: Parameters<PeerCalls[Call]>): Result<Call> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.#process.send({ id, call, args });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await gone;
  }
}

/** `lan0` toward the viewer, `wan0` toward the origin; the box forwards nothing until a test makes it. */
export class NetworkWorld implements AsyncDisposable {
  readonly viewer: Peer;
  readonly origin: Peer;
  readonly #owned: CloseStack;

  private constructor(viewer: Peer, origin: Peer, owned: CloseStack) {
    this.viewer = viewer;
    this.origin = origin;
    this.#owned = owned;
  }

  static async make(): Promise<NetworkWorld> {
    const owned = new CloseStack();
    try {
      ip('link set lo up');
      // A router asks for a neighbour with its link-local address, which otherwise is tentative for a second or two.
      writeFileSync('/proc/sys/net/ipv6/conf/default/accept_dad', '0');
      const viewer = await Peer.start();
      owned.defer(() => viewer[Symbol.asyncDispose]());
      const origin = await Peer.start();
      owned.defer(() => origin[Symbol.asyncDispose]());
      await cable(owned, { device: 'lan0', box: boxOnAccess, peer: viewer, far: viewerAt });
      await cable(owned, { device: 'wan0', box: boxOnWan, peer: origin, far: originAt });
      return new NetworkWorld(viewer, origin, owned);
    } catch (error) {
      await owned.close();
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned.close();
  }
}

interface Cable {
  readonly device: string;
  readonly box: { readonly v4: string; readonly v6: string };
  readonly peer: Peer;
  readonly far: { readonly v4: string; readonly v6: string };
}

async function cable(owned: CloseStack, { device, box, peer, far }: Cable): Promise<void> {
  ip(`link add ${device} type veth peer name eth0 netns ${peer.pid}`);
  owned.defer(() => {
    if (devices().includes(device)) ip(`link del ${device}`);
  });
  ip(`link set ${device} up`);
  ip(`addr add ${box.v4}/24 dev ${device}`);
  ip(`addr add ${box.v6}/64 dev ${device} nodad`);
  await peer.call('ip', 'link set eth0 up');
  await peer.call('ip', `addr add ${far.v4}/24 dev eth0`);
  await peer.call('ip', `addr add ${far.v6}/64 dev eth0 nodad`);
  await peer.call('ip', `route add default via ${box.v4}`);
  await peer.call('ip', `route add default via ${box.v6}`);
}
