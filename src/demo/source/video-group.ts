import { WeirError } from '#base';
import {
  encodeIdr,
  encodeP,
  encodePps,
  encodeSps,
  profileLevelId,
  type VideoFormat,
} from './h264/encoder.ts';
import { fillerNal, minFillerBytes } from './h264/nal.ts';
import { type Picture, pictureHeight, pictureWidth, renderPicture } from './h264/picture.ts';
import { type MediaPayload, packetizeAccessUnit, payloadBytes } from './rtp/h264-payload.ts';

export interface VideoGroupOptions {
  readonly framesPerSecond: number;
  readonly groupSeconds: number;
  /** RTP headers included. The pictures take what they take; filler data makes up for the rest. */
  readonly bitsPerSecond: number;
  /** Of a whole RTP packet. */
  readonly maxPacketBytes: number;
  /** Of that, the RTP header with its extensions. */
  readonly headerBytes: number;
}

/** One group of pictures, ready to be sent over and over. */
export interface VideoGroup {
  /** One access unit a frame; the first is the IDR picture with its parameter sets. */
  readonly accessUnits: readonly (readonly MediaPayload[])[];
  readonly pictures: readonly Picture[];
  /** For SDP (RFC 6184 s.8.2.1). */
  readonly formatParameters: string;
}

/** An IDR picture takes as much as this many others, as with an encoder for broadcast. */
const idrWeight = 6;

/** Renders, encodes and packetizes one group. Takes a moment; what it gives is only read after that. */
export function buildVideoGroup(options: VideoGroupOptions): VideoGroup {
  const { framesPerSecond, groupSeconds, bitsPerSecond, maxPacketBytes, headerBytes } = options;
  const frameCount = Math.round(framesPerSecond * groupSeconds);
  if (!(frameCount >= 2 && frameCount <= 65_535)) {
    throw new WeirError('USAGE', 'a group has 2 to 65535 pictures', {
      fields: { framesPerSecond, groupSeconds },
    });
  }
  const format: VideoFormat = {
    width: pictureWidth,
    height: pictureHeight,
    framesPerSecond,
    bitsPerSecond,
  };
  const sps = encodeSps(format);
  const pps = encodePps();
  const pictures = Array.from({ length: frameCount }, (_, index) => renderPicture(index, frameCount));
  const maxPayloadBytes = maxPacketBytes - headerBytes;

  const share = ((bitsPerSecond / 8) * groupSeconds) / (frameCount - 1 + idrWeight);
  // What the frames so far should have taken less what they took: an error is made good by the next frame.
  let owedBytes = 0;
  let previous: Picture | undefined;
  const accessUnits = pictures.map((picture, index) => {
    const nals = previous ? [encodeP(picture, previous, index)] : [sps, pps, encodeIdr(picture)];
    previous = picture;
    owedBytes += share * (index === 0 ? idrWeight : 1);
    for (const nal of nals) owedBytes -= wireBytes(nal.length, maxPayloadBytes, headerBytes);
    const fillerBytes = fittingFiller(owedBytes, maxPayloadBytes, headerBytes);
    if (fillerBytes >= minFillerBytes) {
      // Behind the picture, where filler data belongs (H.264 s.7.4.1.2.3).
      nals.push(fillerNal(fillerBytes));
      owedBytes -= wireBytes(fillerBytes, maxPayloadBytes, headerBytes);
    }
    return packetizeAccessUnit(nals, maxPayloadBytes);
  });
  const formatParameters = [
    'packetization-mode=1',
    `profile-level-id=${profileLevelId(format)}`,
    `sprop-parameter-sets=${sps.toString('base64')},${pps.toString('base64')}`,
  ].join(';');
  return { accessUnits, pictures, formatParameters };
}

function wireBytes(nalBytes: number, maxPayloadBytes: number, headerBytes: number): number {
  const { packets, bytes } = payloadBytes(nalBytes, maxPayloadBytes);
  return bytes + packets * headerBytes;
}

/** The largest filler NAL that takes no more than `bytes` on the wire. */
function fittingFiller(bytes: number, maxPayloadBytes: number, headerBytes: number): number {
  const packets = Math.max(1, Math.ceil(bytes / (maxPayloadBytes + headerBytes)));
  let length = Math.floor(bytes) - packets * headerBytes;
  while (length > 0 && wireBytes(length, maxPayloadBytes, headerBytes) > bytes) length -= 1;
  return length;
}
