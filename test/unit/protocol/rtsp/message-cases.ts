/** Messages as players and servers write them, and as they must not. The tables also seed the fuzzer. */
import type { RtspRequest, RtspResponse } from '../../../../src/protocol/rtsp/wire/index.ts';

export const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

export const limits = { maxHeaderBytes: 2048, maxBodyBytes: 4096 };

/** A message as plain data: the headers of a `Headers` cannot be seen by a deep comparison. */
export function plain(message: RtspRequest | RtspResponse) {
  return { ...message, headers: message.headers.entries(), body: textOf(message.body) };
}
export type PlainMessage = ReturnType<typeof plain>;

export interface GoodMessage {
  readonly name: string;
  readonly text: string;
  readonly value: PlainMessage;
}

const request = (
  method: string,
  uri: string,
  headers: readonly (readonly [string, string])[],
  body = '',
): PlainMessage => ({ kind: 'request', method, uri, version: '1.0', headers, body });

const response = (
  status: number,
  phrase: string,
  headers: readonly (readonly [string, string])[],
  body = '',
): PlainMessage => ({ kind: 'response', status, phrase, version: '1.0', headers, body });

export const goodMessages: readonly GoodMessage[] = [
  {
    name: 'OPTIONS of ffmpeg',
    text: 'OPTIONS rtsp://203.0.113.10:554/live RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: Lavf59.27.100\r\n\r\n',
    value: request('OPTIONS', 'rtsp://203.0.113.10:554/live', [
      ['CSeq', '1'],
      ['User-Agent', 'Lavf59.27.100'],
    ]),
  },
  {
    name: 'OPTIONS * (RFC 2326 s.10.1)',
    text: 'OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nRequire: implicit-play\r\n\r\n',
    value: request('OPTIONS', '*', [
      ['CSeq', '1'],
      ['Require', 'implicit-play'],
    ]),
  },
  {
    name: 'SETUP of live555, a blank before its line ends',
    text: 'SETUP rtsp://203.0.113.10/live/stream=0 RTSP/1.0\r\nCSeq: 4 \r\nTransport: RTP/AVP;unicast;client_port=50000-50001\r\n\r\n',
    value: request('SETUP', 'rtsp://203.0.113.10/live/stream=0', [
      ['CSeq', '4'],
      ['Transport', 'RTP/AVP;unicast;client_port=50000-50001'],
    ]),
  },
  {
    name: 'SET_PARAMETER with a body (RFC 2326 s.10.9)',
    text: 'SET_PARAMETER rtsp://h/live RTSP/1.0\r\nCSeq: 9\r\nContent-Type: text/parameters\r\nContent-Length: 8\r\n\r\na: b\r\n\r\n',
    value: request(
      'SET_PARAMETER',
      'rtsp://h/live',
      [
        ['CSeq', '9'],
        ['Content-Type', 'text/parameters'],
        ['Content-Length', '8'],
      ],
      'a: b\r\n\r\n',
    ),
  },
  {
    name: 'an extension method (RFC 2326 s.6.1)',
    text: 'X-PING rtsp://h/ RTSP/1.0\r\nCSeq: 2\r\n\r\n',
    value: request('X-PING', 'rtsp://h/', [['CSeq', '2']]),
  },
  {
    name: 'a request without headers',
    text: 'TEARDOWN rtsp://h/live RTSP/1.0\r\n\r\n',
    value: request('TEARDOWN', 'rtsp://h/live', []),
  },
  {
    name: 'lines ended by LF alone (RFC 2326 s.4)',
    text: 'PLAY rtsp://h/live RTSP/1.0\nCSeq: 5\nRange: npt=now-\n\n',
    value: request('PLAY', 'rtsp://h/live', [
      ['CSeq', '5'],
      ['Range', 'npt=now-'],
    ]),
  },
  {
    name: 'empty lines before the request (RFC 2616 s.4.1)',
    text: '\r\n\n\r\nPAUSE rtsp://h/live RTSP/1.0\r\nCSeq: 6\r\n\r\n',
    value: request('PAUSE', 'rtsp://h/live', [['CSeq', '6']]),
  },
  {
    name: 'a value over several lines (RFC 2616 s.2.2)',
    text: 'PLAY rtsp://h/ RTSP/1.0\r\nRTP-Info: url=a,\r\n\t url=b;seq=1 \r\n   \r\n ;x\r\nCSeq: 7\r\n\r\n',
    value: request('PLAY', 'rtsp://h/', [
      ['RTP-Info', 'url=a, url=b;seq=1 ;x'],
      ['CSeq', '7'],
    ]),
  },
  {
    name: 'names of any case, twice, and empty values',
    text: 'OPTIONS * RTSP/1.0\r\ncseq:8\r\nREQUIRE: a\r\nRequire: b\r\nX-Empty:\r\nX-Blank: \t\r\n\r\n',
    value: request('OPTIONS', '*', [
      ['cseq', '8'],
      ['REQUIRE', 'a'],
      ['Require', 'b'],
      ['X-Empty', ''],
      ['X-Blank', ''],
    ]),
  },
  {
    name: 'bytes above 0x7f in URL and value, kept',
    text: 'DESCRIBE rtsp://h/caf\xc3\xa9 RTSP/1.0\r\nUser-Agent: \xfcber\r\n\r\n',
    value: request('DESCRIBE', 'rtsp://h/caf\xc3\xa9', [['User-Agent', '\xfcber']]),
  },
  {
    name: 'the same Content-Length twice',
    text: 'GET_PARAMETER rtsp://h/ RTSP/1.0\r\nContent-Length: 002\r\ncontent-length: 002\r\n\r\nhi',
    value: request(
      'GET_PARAMETER',
      'rtsp://h/',
      [
        ['Content-Length', '002'],
        ['content-length', '002'],
      ],
      'hi',
    ),
  },
  {
    name: 'a body of binary bytes, "$" and line ends',
    text: 'ANNOUNCE rtsp://h/ RTSP/1.0\r\nContent-Length: 7\r\n\r\n$\x00\x00\xff\r\n\n',
    value: request('ANNOUNCE', 'rtsp://h/', [['Content-Length', '7']], '$\x00\x00\xff\r\n\n'),
  },
  {
    name: 'DESCRIBE answered by GStreamer',
    text: 'RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Base: rtsp://203.0.113.10/live/\r\nContent-Length: 5\r\n\r\nv=0\r\n',
    value: response(
      200,
      'OK',
      [
        ['CSeq', '2'],
        ['Content-Type', 'application/sdp'],
        ['Content-Base', 'rtsp://203.0.113.10/live/'],
        ['Content-Length', '5'],
      ],
      'v=0\r\n',
    ),
  },
  {
    name: 'a phrase of its own, with a byte above 0x7f',
    text: 'RTSP/1.0 454 Sitzung ung\xfcltig \r\nCSeq: 3\r\n\r\n',
    value: response(454, 'Sitzung ung\xfcltig', [['CSeq', '3']]),
  },
  { name: 'no phrase and no blank', text: 'RTSP/1.0 200\r\n\r\n', value: response(200, '', []) },
  { name: 'an empty phrase', text: 'RTSP/1.0 551 \r\n\r\n', value: response(551, '', []) },
];

export interface BadMessage {
  readonly name: string;
  readonly text: string;
  readonly offset: number;
  readonly status: number;
  readonly cseq?: number;
}

const first = 'OPTIONS * RTSP/1.0\r\n';
const line = (text: string) => `${first}CSeq: 7\r\n${text}\r\n\r\n`;
const secondLine = first.length + 'CSeq: 7\r\n'.length;
const afterHead = (text: string) => line(text).length;

export const badMessages: readonly BadMessage[] = [
  { name: 'nothing but its first byte is no token', text: '\x16\x03\x01', offset: 0, status: 400 },
  { name: 'a "$" frame where a message must be', text: '$\x00\x00\x00', offset: 0, status: 400 },
  { name: 'HTTP', text: 'GET / HTTP/1.1\r\nHost: h\r\n\r\n', offset: 0, status: 400 },
  { name: 'an HTTP answer', text: 'HTTP/1.1 400 Bad Request\r\n\r\n', offset: 0, status: 400 },
  { name: 'SSH', text: 'SSH-2.0-OpenSSH_9.2p1\r\n', offset: 0, status: 400 },
  { name: 'no URI', text: 'OPTIONS RTSP/1.0\r\n\r\n', offset: 0, status: 400 },
  {
    name: 'two blanks in the request line',
    text: 'OPTIONS  * RTSP/1.0\r\nCSeq: 7\r\n\r\n',
    offset: 0,
    status: 400,
    cseq: 7,
  },
  { name: 'a blank in the URI', text: 'PLAY rtsp://h/a b RTSP/1.0\r\n\r\n', offset: 0, status: 400 },
  { name: 'a tab in the URI', text: 'PLAY rtsp://h/a\tb RTSP/1.0\r\n\r\n', offset: 0, status: 400 },
  { name: 'a method that is no token', text: 'PL@Y rtsp://h/ RTSP/1.0\r\n\r\n', offset: 0, status: 400 },
  {
    name: 'a method of 65 characters',
    text: `${'P'.repeat(65)} rtsp://h/ RTSP/1.0\r\n\r\n`,
    offset: 0,
    status: 400,
  },
  { name: 'lower case RTSP', text: 'PLAY rtsp://h/ rtsp/1.0\r\n\r\n', offset: 0, status: 400 },
  { name: 'a version without its minor', text: 'PLAY rtsp://h/ RTSP/1\r\n\r\n', offset: 0, status: 400 },
  {
    name: 'RTSP 2.0 (RFC 2326 s.7.1.1)',
    text: 'PLAY rtsp://h/ RTSP/2.0\r\nCSeq: 12\r\n\r\n',
    offset: 20,
    status: 505,
    cseq: 12,
  },
  { name: 'an answer in RTSP 2.0', text: 'RTSP/2.0 200 OK\r\n\r\n', offset: 5, status: 400 },
  { name: 'a status below 100', text: 'RTSP/1.0 099 Low\r\n\r\n', offset: 9, status: 400 },
  { name: 'a status above 599', text: 'RTSP/1.0 600 High\r\n\r\n', offset: 9, status: 400 },
  { name: 'a status of four digits', text: 'RTSP/1.0 2000 OK\r\n\r\n', offset: 0, status: 400 },
  { name: 'NUL in a value', text: line('X: a\0b'), offset: secondLine + 4, status: 400, cseq: 7 },
  { name: 'DEL in a value', text: line('X: a\x7f'), offset: secondLine + 4, status: 400, cseq: 7 },
  { name: 'CR alone in a value', text: line('X: a\rY: b'), offset: secondLine + 4, status: 400, cseq: 7 },
  { name: 'two CR before LF', text: line('X: a\r'), offset: secondLine + 4, status: 400, cseq: 7 },
  { name: 'no colon', text: line('X a'), offset: secondLine, status: 400, cseq: 7 },
  { name: 'no name', text: line(': a'), offset: secondLine, status: 400, cseq: 7 },
  {
    name: 'a blank before the colon',
    text: line('Content-Length : 5'),
    offset: secondLine,
    status: 400,
    cseq: 7,
  },
  { name: 'a name that is no token', text: line('X(): 5'), offset: secondLine, status: 400, cseq: 7 },
  {
    name: 'a first header line that begins with a blank',
    text: `${first} X: a\r\n\r\n`,
    offset: first.length,
    status: 400,
  },
  ...['-1', '+1', '1.5', '0x10', '', '1 1', '1, 1', '\xb2'].map((length) => ({
    name: `Content-Length "${length}"`,
    text: line(`Content-Length: ${length}`),
    offset: afterHead(`Content-Length: ${length}`),
    status: 400,
    cseq: 7,
  })),
  ...['4097', '4294967296', '18446744073709551617', '9'.repeat(400)].map((length) => ({
    name: `Content-Length ${length.slice(0, 24)} over the limit`,
    text: line(`Content-Length: ${length}`),
    offset: afterHead(`Content-Length: ${length}`),
    status: 413,
    cseq: 7,
  })),
  {
    name: 'two different Content-Length',
    text: line('Content-Length: 1\r\nContent-Length: 01'),
    offset: afterHead('Content-Length: 1\r\nContent-Length: 01'),
    status: 400,
    cseq: 7,
  },
  {
    name: 'a first line over the limit',
    text: `PLAY rtsp://h/${'a'.repeat(3000)} RTSP/1.0\r\n\r\n`,
    offset: 2048,
    status: 414,
  },
  {
    name: 'a flood of headers',
    text: `${first}CSeq: 7\r\n${'a:\r\n'.repeat(1000)}\r\n`,
    offset: 2048,
    status: 400,
    cseq: 7,
  },
  { name: 'one endless header', text: `${first}X: ${'x'.repeat(4000)}`, offset: 2048, status: 400 },
];

/** Whole by themselves, but not as one message: `parseMessage` refuses them, a stream does not. */
export const unfinishedMessages: readonly BadMessage[] = [
  { name: 'nothing', text: '', offset: 0, status: 400 },
  { name: 'only empty lines', text: '\r\n\r\n', offset: 0, status: 400 },
  { name: 'half a first line', text: 'OPTIONS * RT', offset: 12, status: 400 },
  { name: 'no blank line', text: `${first}CSeq: 1\r\n`, offset: 29, status: 400 },
  { name: 'half a body', text: `${first}Content-Length: 3\r\n\r\nhi`, offset: 43, status: 400 },
];
