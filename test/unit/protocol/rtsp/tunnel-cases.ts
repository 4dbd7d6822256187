/** RTSP over HTTP: heads and bodies. They also seed the fuzzer. */
import { getOf, postOf } from '../../relay/sim-tunnel.ts';

const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`;

export const goodTunnelHeads: readonly { text: string; method: string; cookie: string; rest?: string }[] = [
  { text: getOf('10b565587087f646'), method: 'GET', cookie: '10b565587087f646' },
  { text: postOf('vmvgwhubxicgtivrqlgfvqe'), method: 'POST', cookie: 'vmvgwhubxicgtivrqlgfvqe' },
  { text: `${postOf('a')}T1BU`, method: 'POST', cookie: 'a', rest: 'T1BU' },
  {
    text: head('GET / HTTP/1.0', 'X-SessionCookie: tD9hKgAAfB8ABCftAAAAAw'),
    method: 'GET',
    cookie: 'tD9hKgAAfB8ABCftAAAAAw',
  },
  { text: 'POST rtsp://h/live HTTP/1.1\nx-sessioncookie: a\n\n', method: 'POST', cookie: 'a' },
  {
    text: `\r\n${head('GET / HTTP/1.0', 'x-sessioncookie: a', 'x-sessioncookie: a')}`,
    method: 'GET',
    cookie: 'a',
  },
  {
    text: head('GET / HTTP/1.0', 'x-sessioncookie: a', 'Accept: text/html, */*;q=0.1'),
    method: 'GET',
    cookie: 'a',
  },
  {
    text: head('POST / HTTP/1.0', 'x-sessioncookie: a', 'Content-Type: Application/X-RTSP-Tunnelled; a=b'),
    method: 'POST',
    cookie: 'a',
  },
];

export const badTunnelHeads: readonly { text: string; status: number }[] = [
  { text: getOf('x'.repeat(129)), status: 400 },
  { text: getOf(''), status: 400 },
  { text: getOf('a b'), status: 400 },
  { text: head('GET / HTTP/1.0', 'x-sessioncookie: a', 'x-sessioncookie: b'), status: 400 },
  { text: head('GET / HTTP/1.0', 'x-sessioncookie: a', 'no colon'), status: 400 },
  { text: head('GET / HTTP/1.0', 'x-sessioncookie: a', 'X: \0'), status: 400 },
  { text: head('GET / or else HTTP/1.0', 'x-sessioncookie: a'), status: 400 },
  { text: head('get / HTTP/1.0', 'x-sessioncookie: a'), status: 400 },
  { text: head('PUT / HTTP/1.0', 'x-sessioncookie: a'), status: 400 },
  { text: head('GET / HTTP/2.0', 'x-sessioncookie: a'), status: 400 },
  { text: `GET / HTTP/1.0\r\nx-sessioncookie: a\r\nX: ${'y'.repeat(5000)}`, status: 400 },
  { text: `GET /${'y'.repeat(5000)}`, status: 414 },
  { text: head('POST / HTTP/1.0', 'x-sessioncookie: a', 'Content-Type: text/html'), status: 415 },
  { text: head('GET / HTTP/1.0', 'x-sessioncookie: a', 'Accept: text/html'), status: 406 },
];

/** RFC 4648 s.10, and what players make of it: padding in the middle. */
export const goodBase64: readonly { text: string; decoded: string }[] = [
  { text: '', decoded: '' },
  { text: 'Zg==', decoded: 'f' },
  { text: 'Zm8=', decoded: 'fo' },
  { text: 'Zm9v', decoded: 'foo' },
  { text: 'Zm9vYg==', decoded: 'foob' },
  { text: 'Zm8=Zg==Zm9v', decoded: 'foffoo' },
  { text: 'Zm\r\n9v\r\n \tYg = =', decoded: 'foob' },
  { text: '+/+/', decoded: '\xfb\xff\xbf' },
  { text: 'Zm9vY', decoded: 'foo' },
];

export const badBase64 = [
  '=',
  'Z===',
  'Z=',
  'Zg=g',
  'Zm8==',
  '====',
  'Zm9-',
  'Zm9_',
  'Zm\x009v',
  '\xe4',
  '!',
];
