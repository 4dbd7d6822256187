import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import {
  type Clock,
  type Closeable,
  describeError,
  type Log,
  Signal,
  silentLog,
  systemClock,
  WeirError,
} from '#base';
import { toneContent, videoContent } from './contents.ts';
import { LiveTrack } from './live-track.ts';
import { rtpHeaderBytes, stampedHeaderBytes } from './rtp/rtp-header.ts';
import { SourceConnection, type SourceParts } from './source-connection.ts';
import { newCounters, type SourceCounters } from './source-counters.ts';
import type { SourceSession } from './source-session.ts';

export interface SourceOptions {
  /** `0.0.0.0` or `::` for all. */
  readonly address: string;
  /** 0: any free one. */
  readonly port: number;
  readonly mountPath?: string;
  readonly log?: Log;
  /** Of the video, RTP headers included; at least what the pictures take (about 0.75 Mbit/s at 25 a second). */
  readonly bitsPerSecond?: number;
  readonly framesPerSecond?: number;
  /** From one picture at which a decoder can start to the next. */
  readonly groupSeconds?: number;
  readonly audio?: boolean;
  /** Others are answered with 461. */
  readonly transports?: readonly ('udp' | 'tcp')[];
  readonly sessionTimeoutSeconds?: number;
  readonly senderReportSeconds?: number;
  /** Of a whole RTP packet. */
  readonly maxPacketBytes?: number;
  /** Puts the send time into each packet (`urn:weir:send-time`, for latency measurements). */
  readonly stampPayload?: boolean;
  readonly clock?: Clock;
}

/** A SET_PARAMETER with a body. */
export interface SetParameters {
  readonly receivedAt: number;
  /** Empty when it named no session. */
  readonly rtspSessionId: string;
  readonly contentType: string;
  readonly body: string;
}

const keptParameters = 10_000;

/** A live RTSP origin (RFC 2326): one presentation, H.264 video and on demand a tone, played in real time. */
export class Source implements Closeable {
  /** The last SET_PARAMETER bodies, oldest first. */
  readonly parameters: SetParameters[] = [];
  readonly parametersSet: Signal<SetParameters>;
  readonly #server: Server;
  readonly #parts: SourceParts;
  readonly #sockets = new Set<Socket>();
  readonly #url: { readonly mountPath: string; readonly address: string };
  #closing: Promise<void> | undefined;

  private constructor(options: SourceOptions) {
    const {
      log = silentLog,
      clock = systemClock,
      stampPayload = false,
      transports = ['udp', 'tcp'],
      mountPath = '/live',
    } = options;
    this.#url = { mountPath, address: options.address };
    this.parametersSet = new Signal((error) => log.error('listener failed', { error: describeError(error) }));
    const counters = newCounters();
    const sessions = new Map<string, SourceSession>();
    const endSession = (session: SourceSession, how: { bye: boolean }) => {
      if (!sessions.delete(session.rtspSessionId)) return;
      session.close(how);
      addSession(counters, session);
    };
    this.#parts = {
      mountPath,
      tracks: contentsOf(options).map((content) => new LiveTrack(content, clock)),
      transports: new Set(transports),
      sessionTimeoutSeconds: options.sessionTimeoutSeconds ?? 60,
      senderReportSeconds: options.senderReportSeconds ?? 5,
      stampPayload,
      clock,
      log,
      counters,
      sessions,
      endSession,
      onParameters: (set) => {
        const fact = { receivedAt: clock.nowMs(), ...set };
        this.parameters.push(fact);
        if (this.parameters.length > keptParameters) this.parameters.shift();
        this.parametersSet.emit(fact);
      },
    };
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      new SourceConnection(socket, this.#parts);
    });
  }

  /** SOCKET_FAILED when the address or port cannot be had, USAGE when an option makes no sense. */
  static async start(options: SourceOptions): Promise<Source> {
    const source = new Source(options);
    const { address, port } = options;
    try {
      source.#server.listen({ host: address, port });
      await once(source.#server, 'listening');
    } catch (cause) {
      const advice = 'choose another address or port, or stop what uses it';
      throw new WeirError('SOCKET_FAILED', 'the source cannot listen', {
        fields: { address, port },
        cause,
        advice,
      });
    }
    for (const track of source.#parts.tracks) track.start();
    return source;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  /** The URL of the presentation, by the address it listens on. */
  get url(): string {
    const { address, mountPath } = this.#url;
    return `rtsp://${address.includes(':') ? `[${address}]` : address}:${this.port}${mountPath}`;
  }

  /** Since the start; sessions that are open count too. */
  counters(): SourceCounters & { readonly sessionsOpen: number; readonly sessionsPlaying: number } {
    const { counters, sessions } = this.#parts;
    const open = [...sessions.values()];
    const all = { ...counters, requests: { ...counters.requests } };
    for (const session of open) addSession(all, session);
    const sessionsPlaying = open.filter(({ state }) => state === 'playing').length;
    return { ...all, sessionsOpen: open.length, sessionsPlaying };
  }

  /** Says goodbye to every receiver (RTCP BYE), then closes the connections. */
  close(): Promise<void> {
    this.#closing ??= this.#stop();
    return this.#closing;
  }

  async #stop(): Promise<void> {
    const { tracks, sessions, endSession } = this.#parts;
    for (const track of tracks) track.stop();
    for (const session of [...sessions.values()]) endSession(session, { bye: true });
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroySoon();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

export const startSource = (options: SourceOptions): Promise<Source> => Source.start(options);

function contentsOf(options: SourceOptions) {
  const {
    framesPerSecond = 25,
    groupSeconds = 2,
    bitsPerSecond = 2_000_000,
    maxPacketBytes = 1400,
  } = options;
  const headerBytes = options.stampPayload ? stampedHeaderBytes : rtpHeaderBytes;
  const video = videoContent({ framesPerSecond, groupSeconds, bitsPerSecond, maxPacketBytes, headerBytes });
  return options.audio ? [video, toneContent(headerBytes)] : [video];
}

function addSession(counters: SourceCounters, session: SourceSession): void {
  for (const sender of session.senders.values()) {
    const { packets, bytes, rtcpPackets, dropped } = sender.counters();
    counters.rtpPackets += packets - dropped;
    counters.rtpBytes += bytes;
    counters.rtcpPacketsSent += rtcpPackets;
    counters.droppedPackets += dropped;
  }
}
