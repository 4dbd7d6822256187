import { Signal } from '#base';
import type { Endpoint, TrackStart, ViewerCounters, ViewerPath, ViewerTrack } from '../datapath/face.ts';
import type { SimConnection } from './connection.ts';
import { readRtcp } from './rtp.ts';
import { alreadyClosed, raise } from './sim.ts';
import type { PairUser, SimUdpPair } from './udp.ts';

/** What a viewer needs of its feed. */
export interface ViewerFeed {
  /** Sends what the viewer has not had yet. */
  feedViewer(viewer: SimViewer): void;
  seek(viewer: SimViewer, waitMs: number): Promise<readonly TrackStart[]>;
  senderReport(track: number): Uint8Array | undefined;
  forget(viewer: SimViewer): void;
  monoNs(): bigint;
}

interface Leg {
  readonly track: number;
  send(port: 'rtp' | 'rtcp', bytes: Uint8Array): boolean;
  end(): void;
}

/** As the engine has it (viewer-feedback.cc). */
const refusedTimes = 3;
const refusalsApartNs = 250_000_000n;
const refusalsTogetherNs = 3_000_000_000n;

const byePacket = Uint8Array.from([0x80, 203, 0, 0]);

/** A viewer of a simulated feed: sends at once whatever its feed has for it. */
export class SimViewer implements ViewerPath {
  readonly refused = new Signal<{ refusals: number }>(raise);
  /** Position of the next packet in the feed; undefined while it waits for a start point. */
  cursor: number | undefined;
  playing = false;
  starts: readonly TrackStart[] = [];
  readonly count = {
    txPackets: 0n,
    txBytes: 0n,
    txRtcpPackets: 0n,
    droppedPackets: 0n,
    skippedNonReferencePackets: 0n,
    startPointSkips: 0n,
    behindSinceMonoNs: 0n,
    oversizedPackets: 0n,
    rxRtcpPackets: 0n,
    refusals: 0n,
    lastRxMonoNs: 0n,
  };
  readonly #feed: ViewerFeed;
  readonly #legs: readonly Leg[];
  readonly #lost = new Map<number, bigint>();
  /** When media was refused, of late; each a while after the one before. */
  #refusedAt: bigint[] = [];
  #closing: Promise<void> | undefined;

  constructor(feed: ViewerFeed, tracks: readonly ViewerTrack[]) {
    this.#feed = feed;
    this.#legs = tracks.map((track) =>
      track.transport === 'udp' ? this.#udpLeg(track) : this.#tcpLeg(track),
    );
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  follows(track: number): boolean {
    return this.#legs.some((leg) => leg.track === track);
  }

  async play(): Promise<void> {
    this.#mustBeOpen();
    if (this.playing) return;
    this.playing = true;
    for (const { track } of this.#legs) {
      const report = this.#feed.senderReport(track);
      if (report) this.sendRtcp(track, report);
    }
    this.#feed.feedViewer(this);
  }

  async pause(): Promise<void> {
    this.#mustBeOpen();
    this.playing = false;
  }

  async seekToStart(startWaitMs: number): Promise<readonly TrackStart[]> {
    this.#mustBeOpen();
    this.starts = await this.#feed.seek(this, startWaitMs);
    return this.starts;
  }

  sendRtp(track: number, packet: Uint8Array): void {
    this.#send(track, 'rtp', packet, () => {
      this.count.txPackets += 1n;
      this.count.txBytes += BigInt(packet.length);
    });
  }

  sendRtcp(track: number, packet: Uint8Array): void {
    this.#send(track, 'rtcp', packet, () => {
      this.count.txRtcpPackets += 1n;
    });
  }

  counters(): ViewerCounters {
    const reportedLostPackets = [...this.#lost.values()].reduce((sum, lost) => sum + lost, 0n);
    return { ...this.count, reportedLostPackets };
  }

  close(options: { bye?: boolean } = {}): Promise<void> {
    this.#closing ??= Promise.resolve().then(() => {
      if (options.bye) for (const { track } of this.#legs) this.sendRtcp(track, byePacket);
      this.playing = false;
      for (const leg of this.#legs) leg.end();
      this.#feed.forget(this);
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #mustBeOpen(): void {
    if (this.closed) throw alreadyClosed('viewer');
  }

  #send(track: number, port: 'rtp' | 'rtcp', packet: Uint8Array, sent: () => void): void {
    for (const leg of this.#legs.filter((each) => each.track === track)) {
      sent();
      if (!leg.send(port, packet)) this.#refuse(port);
    }
  }

  #refuse(port: 'rtp' | 'rtcp'): void {
    this.count.refusals += 1n;
    if (port === 'rtcp') return;
    const now = this.#feed.monoNs();
    const sinceNs = now - (this.#refusedAt.at(-1) ?? 0n);
    if (this.#refusedAt.length > 0 && sinceNs < refusalsApartNs) return;
    if (sinceNs > refusalsTogetherNs) this.#refusedAt = [];
    this.#refusedAt.push(now);
    if (this.#refusedAt.length < refusedTimes) return;
    this.#refusedAt = [];
    this.refused.emit({ refusals: Number(this.count.refusals) });
  }

  #receiveRtcp(track: number, bytes: Uint8Array): void {
    this.count.lastRxMonoNs = this.#feed.monoNs();
    const facts = readRtcp(bytes);
    if (!facts) return;
    this.count.rxRtcpPackets += 1n;
    if (facts.lost !== undefined) this.#lost.set(track, BigInt(Math.max(0, facts.lost)));
  }

  #udpLeg(track: ViewerTrack & { transport: 'udp' }): Leg {
    const pair = track.pair as SimUdpPair;
    const target: Record<'rtp' | 'rtcp', Endpoint> = { rtp: track.rtpTarget, rtcp: track.rtcpTarget };
    const user: PairUser = {
      receive: ({ from, bytes }, port) => {
        if (from.address !== target[port].address) return false;
        target[port] = from;
        if (port === 'rtcp') this.#receiveRtcp(track.track, bytes);
        else this.count.lastRxMonoNs = this.#feed.monoNs();
        return true;
      },
    };
    pair.users.add(user);
    return {
      track: track.track,
      send: (port, bytes) => pair.send(port, target[port], bytes),
      end: () => pair.users.delete(user),
    };
  }

  #tcpLeg(track: ViewerTrack & { transport: 'interleaved' }): Leg {
    const connection = track.connection as SimConnection;
    const channels = { rtp: track.rtpChannel, rtcp: track.rtcpChannel };
    connection.channels.set(channels.rtp, () => {});
    connection.channels.set(channels.rtcp, (bytes) => this.#receiveRtcp(track.track, bytes));
    return {
      track: track.track,
      send: (port, bytes) => {
        connection.sendFrame(channels[port], bytes);
        return true;
      },
      end: () => {
        for (const channel of Object.values(channels)) connection.channels.delete(channel);
      },
    };
  }
}
