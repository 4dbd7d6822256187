import type { World } from '../../src/demo/world/index.ts';
import { Capture } from './capture.ts';
import type { Packet } from './pcap.ts';

/** Both sides of the box: what the (first) viewer's NIC saw and what passed the box's `wan0`. */
export class Witness implements AsyncDisposable {
  readonly #viewer: Capture;
  readonly #wan: Capture;

  private constructor(viewer: Capture, wan: Capture) {
    this.#viewer = viewer;
    this.#wan = wan;
  }

  static async start(world: World): Promise<Witness> {
    const [viewer, wan] = await Promise.all([
      Capture.start(world.viewer.host, 'eth0'),
      Capture.start(world.box, world.wan.device),
    ]);
    return new Witness(viewer, wan);
  }

  async stop(): Promise<{ viewer: Packet[]; wan: Packet[] }> {
    const [viewer, wan] = await Promise.all([this.#viewer.stop(), this.#wan.stop()]);
    return { viewer, wan };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#viewer[Symbol.asyncDispose]();
    await this.#wan[Symbol.asyncDispose]();
  }
}

/**
 * Without what the link itself needs to work: ARP, and of ICMPv6 neighbour and router discovery and multicast
 * listener reports (RFC 4861 s.4, RFC 3810 s.5).
 */
export function aboveTheLink(packets: readonly Packet[]): Packet[] {
  return packets.filter(({ kind, payload, etherType }) => {
    if (kind === 'link') return false;
    if (kind !== 'icmp' || etherType !== 0x86dd) return true;
    const type = payload.readUInt8(0);
    return !((type >= 130 && type <= 137) || type === 143);
  });
}

/** The addresses at the ends of these packets, each once, sorted. */
export function addressesOf(packets: readonly Packet[]): string[] {
  return [
    ...new Set(packets.flatMap(({ source, destination }) => [source.address, destination.address])),
  ].sort();
}
