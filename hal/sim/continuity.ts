import type { RtpFacts } from './rtp.ts';

/** A track as its viewers see it, however often its source begins anew: same SSRC, seq and RTP time that go on. */
export class SimContinuity {
  readonly #clockRateHz: number;
  #last: { ssrc: number; seq: number; rtpTime: number; atMonoNs: bigint } | undefined;
  #seqOffset = 0;
  #timeOffset = 0;
  #anew = false;
  #counts = { packets: 0, octets: 0, packetOffset: 0, octetOffset: 0, recount: false };

  constructor(clockRateHz: number) {
    this.#clockRateHz = clockRateHz;
  }

  /** What comes next goes on, once anything has come. */
  begin(): void {
    this.#anew = this.#last !== undefined;
  }

  /** A report of the source as it is has nothing to say yet. */
  get anew(): boolean {
    return this.#anew;
  }

  get begun(): boolean {
    return this.#last !== undefined;
  }

  /** The packet as viewers get it. */
  pass(
    packet: Uint8Array,
    rtp: RtpFacts,
    nowMonoNs: bigint,
  ): { seq: number; rtpTime: number; bytes: Uint8Array } {
    if (this.#anew && this.#last) {
      const { seq, rtpTime, atMonoNs } = this.#last;
      const ticks = Number(((nowMonoNs - atMonoNs) * BigInt(this.#clockRateHz)) / 1_000_000_000n);
      this.#seqOffset = seq + 1 - rtp.seq;
      this.#timeOffset = rtpTime + Math.max(1, ticks) - rtp.rtpTime;
      this.#anew = false;
      this.#counts.recount = true;
    }
    const seq = (rtp.seq + this.#seqOffset) & 0xffff;
    const rtpTime = (rtp.rtpTime + this.#timeOffset) >>> 0;
    const ssrc = this.#last?.ssrc ?? rtp.ssrc;
    this.#last = { ssrc, seq, rtpTime, atMonoNs: nowMonoNs };
    this.#counts.packets += 1;
    this.#counts.octets += rtp.payload.length;
    const bytes = Uint8Array.from(packet);
    const view = new DataView(bytes.buffer);
    view.setUint16(2, seq);
    view.setUint32(4, rtpTime);
    view.setUint32(8, ssrc);
    return { seq, rtpTime, bytes };
  }

  /** A compound packet with a sender report as viewers get it: SSRC, RTP time, counts. */
  report(compound: Uint8Array): Uint8Array {
    const bytes = Uint8Array.from(compound);
    const view = new DataView(bytes.buffer);
    if (bytes.length < 28 || view.getUint8(1) !== 200) return bytes;
    const counts = this.#counts;
    if (counts.recount) {
      counts.recount = false;
      counts.packetOffset = counts.packets - view.getUint32(20);
      counts.octetOffset = counts.octets - view.getUint32(24);
    }
    if (this.#last) view.setUint32(4, this.#last.ssrc);
    view.setUint32(16, view.getUint32(16) + this.#timeOffset);
    counts.packets = view.getUint32(20) + counts.packetOffset;
    counts.octets = view.getUint32(24) + counts.octetOffset;
    view.setUint32(20, counts.packets);
    view.setUint32(24, counts.octets);
    return bytes;
  }
}
