import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Host } from '../../src/demo/world/index.ts';
import { type Packet, readPcap } from './pcap.ts';
import { Program } from './program.ts';

const fileName = 'packets.pcap';
/** Local experimental Ethertype 1 (IEEE 802): the frame that marks the end of a capture. */
const markerEtherType = 0x88b5;
const sendMarker = `
import socket, sys
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind((sys.argv[1], 0))
link.send(bytes.fromhex("ffffffffffff" "020000000000" "88b5") + sys.argv[2].encode().ljust(46))
`;

/**
 * What passes a host's device from `start` to `stop`: tcpdump into a file, whole frames. Counting packets is
 * honest only where nothing coalesces them: segmentation and receive offloads of that link have to be off.
 */
export class Capture implements AsyncDisposable {
  readonly #host: Host;
  readonly #device: string;
  readonly #folder: string;
  readonly #tcpdump: Program;
  #markers = 0;

  private constructor(host: Host, device: string, folder: string, tcpdump: Program) {
    this.#host = host;
    this.#device = device;
    this.#folder = folder;
    this.#tcpdump = tcpdump;
  }

  static async start(host: Host, device: string): Promise<Capture> {
    const folder = await mkdtemp(join(tmpdir(), 'weir-capture-'));
    const tcpdump = await Program.start(host, [
      ...(['tcpdump', '-i', device, '-n', '-p', '-U', '--immediate-mode'] as const),
      ...['-s', '0', '-B', '32768', '-Z', 'root', '-w', join(folder, fileName)],
    ]);
    await tcpdump.until(() => tcpdump.tail.includes('listening on'), 5_000, 'listening');
    return new Capture(host, device, folder, tcpdump);
  }

  /** Everything that has passed until now; the capture goes on. */
  async packets(): Promise<Packet[]> {
    // tcpdump lags behind the wire: a frame of our own tells when the file has caught up.
    this.#markers += 1;
    const marker = `weir-capture ${process.pid} ${this.#markers}`;
    await this.#host.run('/usr/bin/python3', ['-c', sendMarker, this.#device, marker]);
    for (const until = Date.now() + 5_000; ; ) {
      const packets = readPcap(await readFile(join(this.#folder, fileName)));
      const end = packets.findIndex(
        (packet) =>
          packet.etherType === markerEtherType && packet.payload.toString('latin1').trimEnd() === marker,
      );
      if (end >= 0) return packets.slice(0, end).filter((packet) => packet.etherType !== markerEtherType);
      if (Date.now() > until) throw new Error(`the capture on ${this.#device} does not catch up`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Ends the capture and gives its packets. Throws when the kernel dropped any. */
  async stop(): Promise<Packet[]> {
    const packets = await this.packets();
    this.#tcpdump.signal('SIGINT');
    await this.#tcpdump.ended(5_000);
    await this.#forget();
    const dropped = /(\d+) packets? dropped by kernel/.exec(this.#tcpdump.tail)?.[1];
    if (dropped !== '0') throw new Error(`the capture on ${this.#device} dropped ${dropped} packets`);
    return packets;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tcpdump.close();
    await this.#forget();
  }

  async #forget(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
