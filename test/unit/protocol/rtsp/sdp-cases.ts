/** Session descriptions as servers write them. The table also seeds the fuzzer. */
import type { Sdp, SdpTrack } from '../../../../src/protocol/rtsp/wire/index.ts';

const lines = (...all: readonly string[]): string => all.map((line) => `${line}\r\n`).join('');
const head = ['v=0', 'o=- 11 1 IN IP4 203.0.113.10', 's=Live', 't=0 0'] as const;
/** What the table says of a track; its formats have cases of their own. */
type TrackCase = Omit<SdpTrack, 'formats'>;
const track = (index: number, facts: Partial<TrackCase>): TrackCase => ({
  index,
  media: 'video',
  control: undefined,
  payloadTypes: [96],
  codec: 'none',
  encodingName: '',
  clockRateHz: 90000,
  ...facts,
});

export const goodSdps: readonly {
  readonly name: string;
  readonly text: string;
  readonly value: Omit<Sdp, 'tracks'> & { readonly tracks: readonly TrackCase[] };
}[] = [
  {
    name: 'GStreamer, H.264 and AAC',
    text: lines(
      ...head,
      'a=tool:GStreamer',
      'a=type:broadcast',
      'a=control:*',
      'a=range:npt=now-',
      'm=video 0 RTP/AVP 96',
      'c=IN IP4 0.0.0.0',
      'b=AS:4000',
      'a=rtpmap:96 H264/90000',
      'a=fmtp:96 packetization-mode=1;profile-level-id=64001f',
      'a=control:stream=0',
      'a=ssrc:2454443295 cname:user@host',
      'a=mid:video0',
      'm=audio 0 RTP/AVP 97',
      'a=rtpmap:97 MPEG4-GENERIC/48000/2',
      'a=control:stream=1',
    ),
    value: {
      tracks: [
        track(0, {
          control: 'stream=0',
          codec: 'h264',
          encodingName: 'H264',
          ssrc: 2454443295,
          mid: 'video0',
        }),
        track(1, {
          media: 'audio',
          control: 'stream=1',
          payloadTypes: [97],
          encodingName: 'MPEG4-GENERIC',
          clockRateHz: 48000,
        }),
      ],
      control: '*',
      live: true,
      range: 'npt=now-',
    },
  },
  {
    name: 'LF alone, controls that look like numbers, absolute session control',
    text: `${head.join('\n')}\na=control:rtsp://h/live/\nm=video 0 RTP/AVP 96 97\na=rtpmap:97 VP8/90000\na=rtpmap:96 h265/90000\na=control:1\nm=audio 0 RTP/AVP 0\na=control: 02 \n`,
    value: {
      tracks: [
        track(0, { control: '1', payloadTypes: [96, 97], codec: 'h265', encodingName: 'H265' }),
        track(1, {
          media: 'audio',
          control: '02',
          payloadTypes: [0],
          encodingName: 'PCMU',
          clockRateHz: 8000,
        }),
      ],
      control: 'rtsp://h/live/',
      live: true,
    },
  },
  {
    name: 'static payload types (RFC 3551 s.6)',
    text: lines(
      ...head,
      'm=video 0 RTP/AVP 33',
      'm=video 0 RTP/AVP 26',
      'm=audio 0 RTP/AVP 14',
      'm=audio 0 RTP/AVP 11',
    ),
    value: {
      tracks: [
        track(0, { payloadTypes: [33], codec: 'mp2t', encodingName: 'MP2T' }),
        track(1, { payloadTypes: [26], codec: 'mjpeg', encodingName: 'JPEG' }),
        track(2, { media: 'audio', payloadTypes: [14], encodingName: 'MPA' }),
        track(3, { media: 'audio', payloadTypes: [11], encodingName: 'L16', clockRateHz: 44100 }),
      ],
      control: undefined,
      live: true,
    },
  },
  {
    name: 'codecs by name, a rate left out, a metadata track and one nobody knows',
    text: lines(
      ...head,
      ...['AV1/90000', 'VP9/90000', 'MP4V-ES/90000', 'H264'].flatMap((name) => [
        'm=video 0 RTP/AVP 96',
        `a=rtpmap:96 ${name}`,
      ]),
      'm=application 0 RTP/AVP 98',
      'a=rtpmap:98 vnd.onvif.metadata/90000',
      'm=audio 0 RTP/AVP 111',
      'm=text 0 RTP/AVP',
    ),
    value: {
      tracks: [
        track(0, { codec: 'av1', encodingName: 'AV1' }),
        track(1, { codec: 'vp9', encodingName: 'VP9' }),
        track(2, { codec: 'mpeg4', encodingName: 'MP4V-ES' }),
        track(3, { codec: 'h264', encodingName: 'H264' }),
        track(4, { media: 'application', payloadTypes: [98], encodingName: 'VND.ONVIF.METADATA' }),
        track(5, { media: 'audio', payloadTypes: [111], clockRateHz: 8000 }),
        track(6, { media: 'text', payloadTypes: [] }),
      ],
      control: undefined,
      live: true,
    },
  },
  {
    name: 'H.265 with decoding order numbers in its packets, and without (RFC 7798 s.7.1)',
    text: lines(
      ...head,
      ...[
        ['H265', '96 profile-id=1;sprop-max-don-diff=2;sprop-depack-buf-nalus=1'],
        ['H265', '96 Sprop-Max-Don-Diff = 032767'],
        ['H265', '96 sprop-max-don-diff=0'],
        ['H265', '96 x-sprop-max-don-diff=2'],
        ['H265', '97 sprop-max-don-diff=2'],
        ['H265', '96'],
        ['H264', '96 packetization-mode=2;sprop-max-don-diff=2'],
      ].flatMap(([name, parameters]) => [
        'm=video 0 RTP/AVP 96 97',
        `a=rtpmap:96 ${name}/90000`,
        `a=fmtp:${parameters}`,
      ]),
    ),
    value: {
      tracks: (['h265WithDon', 'h265WithDon', 'h265', 'h265', 'h265', 'h265', 'h264'] as const).map(
        (codec, index) =>
          track(index, { codec, payloadTypes: [96, 97], encodingName: index === 6 ? 'H264' : 'H265' }),
      ),
      control: undefined,
      live: true,
    },
  },
  {
    name: 'bytes above 0x7f in a control, kept',
    text: lines(...head, 'm=video 0 RTP/AVP 96', 'a=control:caf\xc3\xa9'),
    value: { tracks: [track(0, { control: 'caf\xc3\xa9' })], control: undefined, live: true },
  },
];

const withRanges = (session: string | undefined, ...media: readonly (string | undefined)[]): string =>
  lines(
    ...head,
    ...(session === undefined ? [] : [`a=range:${session}`]),
    ...media.flatMap((range) => [
      'm=video 0 RTP/AVP 96',
      ...(range === undefined ? [] : [`a=range:${range}`]),
    ]),
  );

/** RFC 2326 s.C.1.5: a range with an end is a recording. */
export const liveCases: readonly { readonly name: string; readonly text: string; readonly live: boolean }[] =
  [
    { name: 'no range', text: withRanges(undefined, undefined), live: true },
    { name: 'from now on', text: withRanges('npt=now-', undefined), live: true },
    { name: 'from 0 without an end', text: withRanges('npt=0-', undefined), live: true },
    { name: 'up to now', text: withRanges('npt=0-now', undefined), live: true },
    { name: 'a range that cannot be read', text: withRanges('npt=soon', undefined), live: true },
    { name: 'an end', text: withRanges('npt=0-120', undefined), live: false },
    { name: 'an end, with a blank before', text: withRanges(' npt=0.000-7.741', undefined), live: false },
    {
      name: 'a wall clock end',
      text: withRanges('clock=19961108T142300Z-19961108T143520Z', undefined),
      live: false,
    },
    {
      name: 'a wall clock without an end',
      text: withRanges('clock=19961108T142300Z-', undefined),
      live: true,
    },
    { name: 'an end on each track', text: withRanges(undefined, 'npt=0-120', 'npt=0-119.5'), live: false },
    { name: 'an end on one track of two', text: withRanges(undefined, 'npt=0-120', 'npt=0-'), live: true },
    {
      name: 'an end on one track, nothing on the other',
      text: withRanges(undefined, 'npt=0-120', undefined),
      live: true,
    },
  ];

export const badSdps: readonly { readonly name: string; readonly text: string }[] = [
  { name: 'nothing', text: '' },
  { name: 'no media', text: lines(...head, 'a=control:*') },
  { name: 'something else', text: '<html></html>' },
  { name: 'an m= line that cannot be read', text: lines(...head, 'm=video RTP/AVP 96') },
  { name: 'an m= line without media', text: lines(...head, 'm= 0 RTP/AVP 96') },
  { name: '33 media', text: lines(...head, ...Array.from({ length: 33 }, () => 'm=video 0 RTP/AVP 96')) },
  { name: '10,000 media', text: lines(...Array.from({ length: 10_000 }, () => 'm=video 0 RTP/AVP 96')) },
];
