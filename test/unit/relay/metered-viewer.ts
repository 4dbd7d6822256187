import type { SimHal } from '../../../hal/sim/sim-hal.ts';
import type { SimUdpSocket } from '../../../hal/sim/udp.ts';
import { originAt, SimRtspViewer, sessionOf } from './sim-relay.ts';

/** A viewer and all the media that reached it. */
export class MeteredViewer {
  readonly rtsp: SimRtspViewer;
  readonly #udp: SimUdpSocket[] = [];
  rtspSession = '';

  constructor(hal: SimHal, port: number) {
    const address = '198.51.100.5';
    this.rtsp = new SimRtspViewer(hal.datapath.dial({ address, port }, originAt), (at) =>
      this.#udp.push(hal.datapath.udpSocket({ address, port: at })),
    );
  }

  /** The status of PLAY, or of what was refused before it. */
  async watch(transport: 'udp' | 'tcp', port: number): Promise<number> {
    const answers = await this.rtsp.watch(transport, port);
    const refused = answers.find(({ status }) => status !== 200);
    const played = answers.at(-1);
    this.rtspSession = played && !refused ? sessionOf(played) : '';
    return (refused ?? played)?.status ?? 0;
  }

  /** RTP went to even ports and even channels. */
  get packets(): readonly Uint8Array[] {
    const byUdp = this.#udp.filter(({ local }) => local.port % 2 === 0).flatMap(({ received }) => received);
    const byTcp = this.rtsp.frames.filter(({ channel }) => channel % 2 === 0);
    return [...byUdp.map(({ bytes }) => bytes), ...byTcp.map(({ payload }) => payload)];
  }

  get bytes(): number {
    return this.packets.reduce((sum, { length }) => sum + length, 0);
  }

  unplug(): void {
    for (const socket of this.#udp) socket[Symbol.dispose]();
  }
}
