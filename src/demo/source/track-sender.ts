import { randomInt } from 'node:crypto';
import type { Clock } from '#base';
import type { LiveTrack } from './live-track.ts';
import type { MediaPayload } from './rtp/h264-payload.ts';
import { senderReport } from './rtp/rtcp.ts';
import { rtpHeader } from './rtp/rtp-header.ts';
import type { RtpPackets, TrackTransport } from './rtp/transport.ts';

export interface TrackSenderOptions {
  readonly track: LiveTrack;
  readonly transport: TrackTransport;
  readonly clock: Clock;
  readonly stampPayload: boolean;
  readonly senderReportSeconds: number;
}

/** Sends one track to one receiver, with an SSRC, sequence numbers and timestamps of its own (RFC 3550 s.5.1: random). */
export class TrackSender {
  readonly ssrc = randomInt(2 ** 32);
  readonly #options: TrackSenderOptions;
  readonly #firstRtpTime = randomInt(2 ** 32);
  #seq = randomInt(2 ** 16);
  #packets = 0;
  #octets = 0;
  #bytes = 0;
  #rtcpPackets = 0;
  #playing: Disposable[] = [];

  constructor(options: TrackSenderOptions) {
    this.#options = options;
  }

  get transport(): TrackTransport {
    return this.#options.transport;
  }

  /** Of the packet sent next. */
  get next(): { readonly seq: number; readonly rtpTime: number } {
    const { track } = this.#options;
    return { seq: this.#seq, rtpTime: this.#rtpTime(track.rtpTimeOf(track.nextUnit)) };
  }

  /** `bytes` are RTP header and payload. */
  counters(): {
    readonly packets: number;
    readonly bytes: number;
    readonly rtcpPackets: number;
    readonly dropped: number;
  } {
    return {
      packets: this.#packets,
      bytes: this.#bytes,
      rtcpPackets: this.#rtcpPackets,
      dropped: this.transport.droppedPackets,
    };
  }

  /** Sends from the next unit on, after a sender report. */
  play(): void {
    if (this.#playing.length > 0) return;
    const { track, clock, senderReportSeconds } = this.#options;
    this.#report(false);
    this.#playing = [
      track.listen(({ index, payloads }) => {
        this.transport.sendRtp(this.#packetsOf(payloads, this.#rtpTime(track.rtpTimeOf(index))));
      }),
      clock.every(senderReportSeconds * 1000, () => this.#report(false)),
    ];
  }

  pause(): void {
    for (const handle of this.#playing) handle[Symbol.dispose]();
    this.#playing = [];
  }

  /** With `bye` the receiver is told, if it was sent anything (RFC 3550 s.6.3.7). */
  close(options: { bye: boolean }): void {
    this.pause();
    if (options.bye && this.#packets > 0) this.#report(true);
    this.transport.close();
  }

  *#packetsOf(payloads: readonly MediaPayload[], rtpTime: number): RtpPackets {
    for (const { payload, marker } of payloads) yield [this.#header(marker, rtpTime, payload), payload];
  }

  #header(marker: boolean, rtpTime: number, payload: Uint8Array): Uint8Array {
    const { track, clock, stampPayload } = this.#options;
    const header = rtpHeader({
      payloadType: track.content.payloadType,
      marker,
      seq: this.#seq,
      rtpTime,
      ssrc: this.ssrc,
      sentMonoNs: stampPayload ? clock.monoNs() : undefined,
    });
    this.#seq = (this.#seq + 1) % 2 ** 16;
    this.#packets += 1;
    this.#octets += payload.length;
    this.#bytes += header.length + payload.length;
    return header;
  }

  #report(bye: boolean): void {
    const { track, clock } = this.#options;
    const facts = {
      ssrc: this.ssrc,
      nowMs: clock.nowMs(),
      rtpTime: this.#rtpTime(track.rtpTimeNow()),
      packets: this.#packets,
      octets: this.#octets,
      cname: 'weir-source',
    };
    this.transport.sendRtcp(senderReport(facts, { bye }));
    this.#rtcpPackets += 1;
  }

  #rtpTime(sinceStart: number): number {
    return (this.#firstRtpTime + sinceStart) % 2 ** 32;
  }
}
