/**
 * What a relay needs to know of a session description (RFC 4566, RFC 2326 app. C): tracks, their control URLs, codecs
 * and clocks. The description itself is forwarded byte for byte; this reading of it is never written back.
 */
import { type MediaDescription, parse } from 'sdp-transform';
import { WeirError } from '#base';
import type { StartPointCodec } from '#hal';
import type { PayloadFormat } from '../../payload-format.ts';
import { latin1, trimBlanks } from './grammar.ts';
import { parseRange } from './range.ts';

export interface SdpTrack {
  /** Position among the m= lines, from 0. */
  readonly index: number;
  /** `video`, `audio`, `application` ... */
  readonly media: string;
  readonly control: string | undefined;
  readonly payloadTypes: readonly number[];
  /** One for each of the payload types, in their order. */
  readonly formats: readonly PayloadFormat[];
  /** That of the first payload type. */
  readonly codec: StartPointCodec;
  /** Upper case, empty when the description does not tell. */
  readonly encodingName: string;
  readonly clockRateHz: number;
  readonly ssrc?: number;
  readonly mid?: string;
}

export interface Sdp {
  readonly tracks: readonly SdpTrack[];
  /** The session's own control URL (aggregate control). */
  readonly control: string | undefined;
  /** False when the range has an end, at session level or on every track: a recording, with a beginning for each. */
  readonly live: boolean;
  /** The session's range, else the first track's, as written. */
  readonly range?: string;
}

/** More than any origin has; each becomes sockets and a ring. */
const mostTracks = 32;

/** RTSP_BAD_SDP when there is no media, too much of it, or an m= line that cannot be read. */
export function parseSdp(bytes: Uint8Array): Sdp {
  // One byte a character, so that control URLs go back to the wire as the bytes they came in.
  const text = latin1(bytes);
  const mediaLines = text.match(/^m=/gm)?.length ?? 0;
  const bad = (what: string) =>
    new WeirError('RTSP_BAD_SDP', what, { fields: { bytes: bytes.length, media: mediaLines } });
  if (mediaLines === 0) throw bad('no media in the description');
  if (mediaLines > mostTracks) throw bad(`more than ${mostTracks} media in the description`);
  const session = parse(text);
  const tracks = session.media.map((media, index): SdpTrack => {
    if (!media.type) throw bad(`m= line ${index} cannot be read`);
    const payloadTypes = parsePayloadTypes(media.payloads);
    const formats = [...new Set(payloadTypes)].map((payloadType) => formatOf(media.type, payloadType, media));
    const [first] = formats;
    const ssrc = media.ssrcs?.map(({ id }) => Number(id)).find((id) => id >= 0 && id <= 0xffff_ffff);
    return {
      index,
      media: media.type,
      control: controlOf(media.control),
      payloadTypes,
      formats,
      codec: first ? codecOf(first) : 'none',
      encodingName: first?.encodingName ?? '',
      clockRateHz: first?.clockRateHz ?? fallbackRateHz(media.type),
      ...(ssrc === undefined ? {} : { ssrc }),
      ...(media.mid === undefined ? {} : { mid: String(media.mid) }),
    };
  });
  const sessionRange = rangeOf(session);
  const mediaRanges = session.media.map(rangeOf);
  const range = sessionRange ?? mediaRanges.find((found) => found !== undefined);
  return {
    tracks,
    control: controlOf(session.control),
    live: !(hasEnd(sessionRange) || mediaRanges.every(hasEnd)),
    ...(range === undefined ? {} : { range }),
  };
}

/** sdp-transform makes numbers of texts that look like one: `a=control:1`. */
function controlOf(control: unknown): string | undefined {
  const text = control === undefined ? '' : trimBlanks(String(control));
  return text === '' ? undefined : text;
}

function parsePayloadTypes(payloads: unknown): number[] {
  return String(payloads ?? '')
    .split(/[ \t]+/)
    .filter((text) => /^\d{1,3}$/.test(text))
    .map(Number)
    .filter((payloadType) => payloadType <= 127);
}

/** `a=range` is none of the attributes sdp-transform knows; it keeps those as text, which its types do not tell. */
function rangeOf(level: object): string | undefined {
  const { invalid } = level as { readonly invalid?: readonly { readonly value?: unknown }[] };
  const range = invalid?.map(({ value }) => String(value)).find((value) => /^range:/i.test(value));
  return range === undefined ? undefined : trimBlanks(range.slice('range:'.length));
}

/** An unreadable range says nothing, and `now` is no end. */
function hasEnd(range: string | undefined): boolean {
  if (range === undefined) return false;
  try {
    const { end } = parseRange(range);
    return end !== undefined && end !== 'now';
  } catch {
    return false;
  }
}

const startPoints: ReadonlyMap<string, StartPointCodec> = new Map([
  ['H264', 'h264'],
  ['H265', 'h265'],
  ['AV1', 'av1'],
  ['VP8', 'vp8'],
  ['VP9', 'vp9'],
  ['MP2T', 'mp2t'],
  ['JPEG', 'mjpeg'],
  ['MP4V-ES', 'mpeg4'],
]);

/** RFC 3551 s.6, table 4: L16 with two channels; the others of the table have one. */
const staticStereo = 10;

/** RFC 3551 s.6, tables 4 and 5: encoding name and clock rate of the static payload types. */
const staticFormats: ReadonlyMap<number, readonly [string, number]> = new Map([
  [0, ['PCMU', 8000]],
  [3, ['GSM', 8000]],
  [4, ['G723', 8000]],
  [5, ['DVI4', 8000]],
  [6, ['DVI4', 16000]],
  [7, ['LPC', 8000]],
  [8, ['PCMA', 8000]],
  [9, ['G722', 8000]],
  [10, ['L16', 44100]],
  [11, ['L16', 44100]],
  [12, ['QCELP', 8000]],
  [13, ['CN', 8000]],
  [14, ['MPA', 90000]],
  [15, ['G728', 8000]],
  [16, ['DVI4', 11025]],
  [17, ['DVI4', 22050]],
  [18, ['G729', 8000]],
  [25, ['CELB', 90000]],
  [26, ['JPEG', 90000]],
  [28, ['NV', 90000]],
  [31, ['H261', 90000]],
  [32, ['MPV', 90000]],
  [33, ['MP2T', 90000]],
  [34, ['H263', 90000]],
]);

/** What a payload type is: by its rtpmap, else by the static table, else guessed from the media. */
function formatOf(
  media: string,
  payloadType: number,
  { rtp, fmtp }: Pick<MediaDescription, 'rtp' | 'fmtp'>,
): PayloadFormat {
  const rtpmap = rtp.find(({ payload }) => payload === payloadType);
  const known = staticFormats.get(payloadType);
  const encodingName = rtpmap ? String(rtpmap.codec).toUpperCase() : (known?.[0] ?? '');
  const told = Number(rtpmap?.rate);
  const fallback = known?.[1] ?? fallbackRateHz(media);
  return {
    payloadType,
    encodingName,
    clockRateHz: told > 0 && told <= 0xffff_ffff ? told : fallback,
    channels: rtpmap ? Number(rtpmap.encoding) || 1 : payloadType === staticStereo ? 2 : 1,
    parameters: new Map(
      fmtp.filter(({ payload }) => payload === payloadType).flatMap(({ config }) => parseParameters(config)),
    ),
  };
}

const fallbackRateHz = (media: string): number => (media === 'audio' ? 8000 : 90000);

/** `name=value` or `name`, parted by semicolons, blanks around each of them. */
const parseParameters = (config: unknown): (readonly [name: string, value: string])[] =>
  String(config)
    .split(';')
    .map((parameter) => {
      const [name = '', ...value] = parameter.split('=');
      return [trimBlanks(name).toLowerCase(), trimBlanks(value.join('='))] as const;
    })
    .filter(([name]) => name !== '');

function codecOf({ encodingName, parameters }: PayloadFormat): StartPointCodec {
  // RFC 7798 s.7.1: above 0, packets carry decoding order numbers. H.264's parameter of that name changes no packet.
  const withDon = encodingName === 'H265' && /^0*[1-9]/.test(parameters.get('sprop-max-don-diff') ?? '');
  return withDon ? 'h265WithDon' : (startPoints.get(encodingName) ?? 'none');
}
