/** What a description says of one payload type: what a viewer decodes it by. */
export interface PayloadFormat {
  readonly payloadType: number;
  /** Upper case: case does not matter (RFC 4855 s.3). Empty when the description does not tell. */
  readonly encodingName: string;
  readonly clockRateHz: number;
  /** 1 unless told (RFC 4566 s.6). */
  readonly channels: number;
  /** Of `a=fmtp`, by name in lower case: the names' case and order do not matter, either. */
  readonly parameters: ReadonlyMap<string, string>;
}

const hints = (names: string): ReadonlySet<string> => new Set(names.split(' '));

/**
 * Parameters no viewer needs in order to decode, by encoding name. Every other one has to stay as it was, and all of a codec
 * that is not here: a viewer may have set itself up by it.
 *
 * Parameter sets of H.264 and H.265 are here although a viewer begins with those it was told. Encoders write others at a
 * restart for little (a level, timing), and cameras and servers repeat them in band where decoding may start; there the newer
 * ones count (RFC 6184 s.8.4, H.264 7.4.1.2.1). ffmpeg and GStreamer follow them so to another profile and picture size, without a
 * broken picture. Profile and level are the first bytes of the same sets. No description tells whether sets come in band: that
 * the media shows (`sameParameterSets`).
 */
const needless: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  // RFC 6184 s.8.1.
  ['H264', hints('profile-level-id sprop-parameter-sets sprop-level-parameter-sets level-asymmetry-allowed')],
  // RFC 7798 s.7.1. Not what its packets are laid out and buffered by (tx-mode, sprop-max-don-diff, sprop-depack-buf-...).
  [
    'H265',
    hints(
      'profile-space profile-id tier-flag level-id profile-compatibility-indicator interop-constraints sprop-vps sprop-sps sprop-pps sprop-sei',
    ),
  ],
  // RFC 3640 s.4.1 and RFC 6416 s.7.3: `config` says what to decode; these, how much a decoder must be able to do.
  ['MPEG4-GENERIC', hints('profile-level-id bitrate')],
  ['MP4A-LATM', hints('profile-level-id bitrate')],
  // RFC 7587 s.6.1 (minptime: its drafts, still written): every decoder takes every Opus packet, whatever these say.
  [
    'OPUS',
    hints(
      'maxplaybackrate sprop-maxcapturerate maxptime ptime minptime maxaveragebitrate stereo sprop-stereo cbr useinbandfec usedtx',
    ),
  ],
]);

/** Can a viewer who was told `before` decode what is described by `now`? */
export function canDecode(before: PayloadFormat, now: PayloadFormat | undefined): boolean {
  if (
    before.payloadType !== now?.payloadType ||
    before.encodingName !== now.encodingName ||
    before.clockRateHz !== now.clockRateHz ||
    before.channels !== now.channels
  )
    return false;
  const names = new Set([...before.parameters.keys(), ...now.parameters.keys()]);
  return [...names].every(
    (name) =>
      needless.get(before.encodingName)?.has(name) ||
      sameMeaning(before, name, before.parameters.get(name), now.parameters.get(name)),
  );
}

/** RFC 6184 s.8.1, RFC 7798 s.7.1. */
const parameterSets: ReadonlyMap<string, readonly string[]> = new Map([
  ['H264', ['sprop-parameter-sets']],
  ['H265', ['sprop-vps', 'sprop-sps', 'sprop-pps']],
]);

/** Are the parameter sets of which `now` tells those of `before`? Those that it does not tell come in band. */
export function sameParameterSets(before: PayloadFormat, now: PayloadFormat | undefined): boolean {
  const names = parameterSets.get(before.encodingName) ?? [];
  return names.every((name) => {
    const told = now?.parameters.get(name);
    return told === undefined || told === before.parameters.get(name);
  });
}

function sameMeaning(
  { encodingName }: PayloadFormat,
  name: string,
  before: string | undefined,
  now: string | undefined,
): boolean {
  // RFC 6184 s.6.2 to s.6.4, s.8.1 (absent: 0): non-interleaved mode has the packets of single NAL unit mode and more.
  if (encodingName === 'H264' && name === 'packetization-mode')
    return (before ?? '0') === (now ?? '0') || (before === '1' && (now ?? '0') === '0');
  // Hexadecimal in all MPEG-4 formats (RFC 3640 s.4.1, RFC 6416 s.7).
  if (name === 'config') return before?.toLowerCase() === now?.toLowerCase();
  return before === now;
}
