/** URLs and track controls as players and servers write them. The tables also seed the fuzzer. */
import type { RtspUrl } from '../../../../src/protocol/rtsp/wire/index.ts';

export const goodUrls: readonly { readonly text: string; readonly value: Omit<RtspUrl, 'scheme'> }[] = [
  {
    text: 'rtsp://203.0.113.10/live',
    value: {
      raw: 'rtsp://203.0.113.10/live',
      host: '203.0.113.10',
      port: 554,
      path: '/live',
      query: undefined,
    },
  },
  {
    text: 'RTSP://Cam.Example:8554/Live/Ch1?token=A%2fb&x=/y/',
    value: {
      raw: 'RTSP://Cam.Example:8554/Live/Ch1?token=A%2fb&x=/y/',
      host: 'cam.example',
      port: 8554,
      path: '/Live/Ch1',
      query: 'token=A%2fb&x=/y/',
    },
  },
  {
    text: 'rtsp://[2001:DB8:0:0::1]:1554/a',
    value: {
      raw: 'rtsp://[2001:DB8:0:0::1]:1554/a',
      host: '2001:db8::1',
      port: 1554,
      path: '/a',
      query: undefined,
    },
  },
  {
    text: 'rtsp://user:p%40ss:w@rd@h:554/a@b',
    value: { raw: 'rtsp://h:554/a@b', host: 'h', port: 554, path: '/a@b', query: undefined },
  },
  { text: 'rtsp://h', value: { raw: 'rtsp://h', host: 'h', port: 554, path: '', query: undefined } },
  { text: 'rtsp://h:?', value: { raw: 'rtsp://h:?', host: 'h', port: 554, path: '', query: '' } },
  {
    text: 'rtsp://my_cam/50%/caf\xe9#1',
    value: {
      raw: 'rtsp://my_cam/50%/caf\xe9#1',
      host: 'my_cam',
      port: 554,
      path: '/50%/caf\xe9#1',
      query: undefined,
    },
  },
];

export const badUrls: readonly string[] = [
  '',
  '*',
  '/live',
  'live',
  'rtsp:/h/live',
  'rtsp:///live',
  'rtsp://:554/live',
  'rtsp://user@/live',
  'rtsps://h/live',
  'rtspu://h/live',
  'http://h/live',
  'rtsp://h:0/live',
  'rtsp://h:65536/live',
  'rtsp://h:-1/',
  'rtsp://h:5 54/',
  'rtsp://h:554:554/',
  'rtsp://2001:db8::1/live',
  'rtsp://[2001:db8::1/live',
  'rtsp://[::1]x/live',
  'rtsp://[fe80::1%25eth0]/',
  'rtsp://[1::2::3]/',
  'rtsp://[]/',
  'rtsp://h%61/',
  'rtsp://h,i/',
  'rtsp://h/a b',
  'rtsp://h/a\r\nX: y',
  'rtsp://h/\0',
  'rtsp://h/\u0100',
  `rtsp://${'a'.repeat(256)}/`,
];

/** Groups of URLs that share a feed; no two groups do. */
export const sharingGroups: readonly (readonly string[])[] = [
  [
    'rtsp://h/live',
    'rtsp://h:554/live',
    'rtsp://H/live/',
    'RTSP://h:/live',
    'rtsp://u:p@h/live',
    'rtsp://h/%6Cive',
    'rtsp://h/./live',
    'rtsp://h/x/../live//',
    'rtsp://h/../../live/.',
  ],
  ['rtsp://h/Live'],
  ['rtsp://h:8554/live'],
  ['rtsp://other/live'],
  ['rtsp://h/live?token=a'],
  ['rtsp://h/live?token=A', 'rtsp://h/live/?token=A'],
  ['rtsp://h/live?token=%41'],
  ['rtsp://h/live?'],
  ['rtsp://h', 'rtsp://h/', 'rtsp://h/..', 'rtsp://h/.'],
  ['rtsp://h/a%2Fb', 'rtsp://h/a%2fb'],
  ['rtsp://h/a/b'],
  ['rtsp://h/a//b'],
  ['rtsp://h/%E9', 'rtsp://h/%e9'],
  ['rtsp://h/\xe9'],
  ['rtsp://h/~a', 'rtsp://h/%7ea', 'rtsp://h/%7Ea'],
  ['rtsp://h/%zz'],
  ['rtsp://h/%%41e', 'rtsp://h/%/../%%41e'],
  ['rtsp://h/e.', 'rtsp://h/%/../e%2e'],
  ['rtsp://h/%Ae', 'rtsp://h/%aE'],
  ['rtsp://h/%2561'],
  ['rtsp://h/%2e%2e/q', 'rtsp://h/q'],
  ['rtsp://[2001:db8::1]/live', 'rtsp://[2001:DB8:0:0:0:0:0:1]:554/live'],
];

export const resolvedControls: readonly {
  readonly base: string;
  readonly control: string | undefined;
  readonly url: string;
}[] = [
  { base: 'rtsp://h/live', control: 'stream=0', url: 'rtsp://h/live/stream=0' },
  { base: 'rtsp://h/live/', control: 'stream=0', url: 'rtsp://h/live/stream=0' },
  { base: 'rtsp://h/live', control: '/stream=0', url: 'rtsp://h/live/stream=0' },
  { base: 'rtsp://h/live?a=b', control: 'stream=0', url: 'rtsp://h/live?a=b/stream=0' },
  { base: 'rtsp://h/live', control: '*', url: 'rtsp://h/live' },
  { base: 'rtsp://h/live', control: '', url: 'rtsp://h/live' },
  { base: 'rtsp://h/live', control: undefined, url: 'rtsp://h/live' },
  { base: 'rtsp://h/live', control: 'rtsp://10.0.0.5/x/trackID=1', url: 'rtsp://10.0.0.5/x/trackID=1' },
  { base: 'rtsp://h/live', control: 'RTSP://h/x', url: 'RTSP://h/x' },
  { base: 'rtsp://h/live', control: 'a:b', url: 'rtsp://h/live/a:b' },
];

const two = [{ control: 'stream=0' }, { control: 'stream=1' }];

/** Which track a SETUP's URL names. */
export const trackCases: readonly {
  readonly name: string;
  readonly base: string;
  readonly tracks: readonly { readonly control: string | undefined }[];
  readonly requests: readonly string[];
  readonly index: number | undefined;
}[] = [
  {
    name: 'other forms of host, port and slashes',
    base: 'rtsp://203.0.113.10:554/live/',
    tracks: two,
    requests: [
      'rtsp://203.0.113.10:554/live/stream=1',
      'rtsp://203.0.113.10/live/stream=1/',
      'rtsp://u:p@origin.example/live/stream=1',
      'rtsp://[2001:db8::1]:8554/live/stream=1',
      'rtsp://203.0.113.10/live/%73tream=1',
    ],
    index: 1,
  },
  {
    name: 'ffmpeg and live555, base without a slash',
    base: 'rtsp://h/live',
    tracks: two,
    requests: ['rtsp://h/live/stream=1'],
    index: 1,
  },
  {
    name: 'GStreamer, base without a slash, and after its refusal',
    base: 'rtsp://h/live',
    tracks: two,
    requests: ['rtsp://h/stream=1', 'rtsp://h/live/stream=1'],
    index: 1,
  },
  {
    name: 'a query in the base: ffmpeg, GStreamer, others',
    base: 'rtsp://h/live?a=b',
    tracks: two,
    requests: ['rtsp://h/live?a=b/stream=1', 'rtsp://h/stream=1', 'rtsp://h/live/stream=1?a=b'],
    index: 1,
  },
  {
    name: 'a control that begins with a slash: ffmpeg, live555, GStreamer',
    base: 'rtsp://h/live/',
    tracks: [{ control: '/one' }, { control: '/two' }],
    requests: ['rtsp://h/live//two', 'rtsp://h/live/two', 'rtsp://h/two'],
    index: 1,
  },
  {
    name: 'absolute controls at an address only the origin knows',
    base: 'rtsp://h/live',
    tracks: [{ control: 'rtsp://10.0.0.5/live/1' }, { control: 'rtsp://10.0.0.5:8554/live/2' }],
    requests: ['rtsp://10.0.0.5:8554/live/2', 'rtsp://h/live/2'],
    index: 1,
  },
  {
    name: 'the same path at two hosts',
    base: 'rtsp://h/live',
    tracks: [{ control: 'rtsp://a/x' }, { control: 'rtsp://b/x' }],
    requests: ['rtsp://b/x', 'rtsp://B:554/x/'],
    index: 1,
  },
  {
    name: 'one track without a control of its own: ffmpeg asks for "*"',
    base: 'rtsp://h/live',
    tracks: [{ control: '*' }],
    requests: ['rtsp://h/live', 'rtsp://h:554/live/', 'rtsp://h/live/*'],
    index: 0,
  },
  {
    name: 'the presentation itself when it has one track',
    base: 'rtsp://h/live',
    tracks: [{ control: 'stream=0' }],
    requests: ['rtsp://h/live', 'rtsp://h/live/stream=0'],
    index: 0,
  },
  {
    name: 'the presentation when it has two tracks, a track that is not, another query, and what is no URL',
    base: 'rtsp://h/live?a=b',
    tracks: two,
    requests: [
      'rtsp://h/live?a=b',
      'rtsp://h/live?a=b/stream=2',
      'rtsp://h/live?a=c/stream=0',
      'rtsp://h/other/stream=0',
      '*',
      'stream=0',
      '',
    ],
    index: undefined,
  },
  {
    name: 'two tracks that both are the presentation',
    base: 'rtsp://h/live',
    tracks: [{ control: '*' }, { control: undefined }],
    requests: ['rtsp://h/live'],
    index: undefined,
  },
  { name: 'no tracks', base: 'rtsp://h/live', tracks: [], requests: ['rtsp://h/live'], index: undefined },
];
