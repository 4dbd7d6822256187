import type { TrackContent } from './live-track.ts';
import { buildVideoGroup, type VideoGroupOptions } from './video-group.ts';

/** RFC 6184. The payload type is dynamic (RFC 3551 s.3). */
export function videoContent(options: VideoGroupOptions): TrackContent {
  const payloadType = 96;
  const group = buildVideoGroup(options);
  return {
    kind: 'video',
    payloadType,
    clockRateHz: 90_000,
    unitsPerSecond: options.framesPerSecond,
    bitsPerSecond: options.bitsPerSecond,
    attributes: [
      `rtpmap:${payloadType} H264/90000`,
      `fmtp:${payloadType} ${group.formatParameters}`,
      `framerate:${options.framesPerSecond}`,
    ],
    unit: (index) => group.accessUnits[index % group.accessUnits.length] ?? [],
  };
}

const toneHz = 440;
const packetsPerSecond = 50;
const samplesPerPacket = 160;

/** A tone as PCMU, 20 ms a packet (RFC 3551 s.4.5.14). */
export function toneContent(headerBytes: number): TrackContent {
  // One second holds whole periods of the tone.
  const packets = Array.from({ length: packetsPerSecond }, (_, packet) => ({
    payload: Uint8Array.from({ length: samplesPerPacket }, (_, index) => {
      const seconds = (packet * samplesPerPacket + index) / 8000;
      return muLaw(Math.round(8000 * Math.sin(2 * Math.PI * toneHz * seconds)));
    }),
    marker: false,
  }));
  return {
    kind: 'audio',
    payloadType: 0,
    clockRateHz: 8000,
    unitsPerSecond: packetsPerSecond,
    bitsPerSecond: (headerBytes + samplesPerPacket) * packetsPerSecond * 8,
    attributes: ['rtpmap:0 PCMU/8000', 'ptime:20'],
    unit: (index) => packets.slice(index % packetsPerSecond, (index % packetsPerSecond) + 1),
  };
}

/** ITU-T G.711 mu-law of a 16-bit sample: sign, segment, step, all inverted. */
export function muLaw(sample: number): number {
  const magnitude = Math.min(Math.abs(sample), 32_635) + 132;
  const segment = Math.floor(Math.log2(magnitude)) - 7;
  const step = (magnitude >> (segment + 3)) & 0x0f;
  return ~((sample < 0 ? 0x80 : 0) | (segment << 4) | step) & 0xff;
}
