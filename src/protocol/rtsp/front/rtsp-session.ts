import type { InterleavedConnection, TrackStart, ViewerTrack } from '#hal';
import type { Target, ViewerSession } from '../../monitor.ts';
import type { LentPair } from './server-ports.ts';
import type { ChosenTransport } from './transport-choice.ts';

/** One track as this viewer set it up. */
export interface SetUpTrack {
  readonly chosen: ChosenTransport;
  readonly ports: LentPair | undefined;
}

/** An RTSP session of a viewer (RFC 2326 s.3): its wire id, its tracks, and the session behind it. */
export class RtspSession {
  readonly rtspSessionId: string;
  readonly target: Target;
  readonly viewer: ViewerSession;
  readonly #tracks = new Map<number, SetUpTrack>();
  #over = false;

  constructor(rtspSessionId: string, target: Target, viewer: ViewerSession) {
    this.rtspSessionId = rtspSessionId;
    this.target = target;
    this.viewer = viewer;
  }

  /** Puts a track in; the ports of an earlier SETUP of it are given back, its own when the session is over by now. */
  async put(track: number, setUp: SetUpTrack): Promise<void> {
    if (this.#over) {
      await setUp.ports?.release();
      return;
    }
    const before = this.#tracks.get(track);
    this.#tracks.set(track, setUp);
    await before?.ports?.release();
  }

  get interleaved(): boolean {
    return [...this.#tracks.values()].some(({ chosen }) => chosen.lower === 'tcp');
  }

  /** Interleaved channels in use, but for those of `except`. */
  channels(except: number): number[] {
    return [...this.#tracks].flatMap(([track, { chosen }]) =>
      track !== except && chosen.lower === 'tcp' ? [...chosen.channels] : [],
    );
  }

  /** The tracks as the engine needs them; `connection` is there when any of them is interleaved. */
  viewerTracks(viewerAddress: string, connection: InterleavedConnection | undefined): ViewerTrack[] {
    const tracks: ViewerTrack[] = [];
    for (const [track, { chosen, ports }] of this.#tracks) {
      if (chosen.lower === 'tcp' && connection) {
        const [rtpChannel, rtcpChannel] = chosen.channels;
        tracks.push({ track, transport: 'interleaved', connection, rtpChannel, rtcpChannel });
      } else if (chosen.lower === 'udp' && ports) {
        const [rtpPort, rtcpPort] = chosen.clientPort;
        const rtpTarget = { address: viewerAddress, port: rtpPort };
        const rtcpTarget = { address: viewerAddress, port: rtcpPort };
        tracks.push({ track, transport: 'udp', pair: ports.pair, rtpTarget, rtcpTarget });
      }
    }
    return tracks;
  }

  /** RTP-Info entries (RFC 2326 s.12.33): what the first packet of each track will be. */
  rtpInfo(starts: readonly TrackStart[]): { url: string; seq: number; rtpTime: number }[] {
    return starts.map(({ track, seq, rtpTime }) => ({
      url: this.viewer.presentation.tracks[track]?.controlUrl ?? this.target.url,
      seq,
      rtpTime,
    }));
  }

  async releasePorts(): Promise<void> {
    this.#over = true;
    const tracks = [...this.#tracks.values()];
    this.#tracks.clear();
    for (const { ports } of tracks) await ports?.release();
  }
}
