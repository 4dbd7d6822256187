import assert from 'node:assert/strict';
import { looksLikeRtsp } from '../../../../src/protocol/rtsp/wire/index.ts';
import { bytesOf, goodMessages } from './message-cases.ts';

const long = 'a'.repeat(20_000);

describe('what an intercepted connection begins with', () => {
  const rtsp: Record<string, string> = {
    'OPTIONS *': 'OPTIONS * RTSP/1.0\r\n',
    'an extension method': 'X-FOO rtsp://h/ RTSP/1.0\r\n',
    'a version we do not speak': 'PLAY rtsp://h/ RTSP/2.0\r\n',
    'empty lines first': '\r\n\r\nOPTIONS * RTSP/1.0\r\n',
    'LF alone': 'OPTIONS * RTSP/1.0\n',
    'a blank in the URI, which a loose origin would serve': 'PLAY rtsp://h/a b RTSP/1.0\r\n',
    'a lower case version, which a loose origin would serve': 'PLAY  rtsp://h/ rtsp/1.0\r\n',
    'a URL beyond all limits': `DESCRIBE rtsp://h/${long}`,
    'RTSP over HTTP, GET': 'GET /live HTTP/1.0\r\nUser-Agent: QTS\r\nx-sessioncookie: abc\r\n',
    'RTSP over HTTP, POST':
      'POST /live HTTP/1.1\r\nX-SessionCookie: abc\r\nContent-Length: 32767\r\n\r\nT1BU',
  };
  const other: Record<string, string> = {
    TLS: '\x16\x03\x01\x02\x00\x01',
    'a "$" frame': '$\x00\x00\x04abcd',
    'a "$" frame that reads like a request': '$PLAY rtsp://h/ RTSP/1.0\r\n',
    SSH: 'SSH-2.0-OpenSSH_9.2p1\r\n',
    'an RTSP answer': 'RTSP/1.0 200 OK\r\n',
    'HTTP GET': 'GET /index.html HTTP/1.1\r\nHost: h\r\n\r\n',
    'HTTP GET that names the cookie in its body': 'POST / HTTP/1.1\r\n\r\n\r\nx-sessioncookie: 1\r\n',
    'HTTP with RTSP in a header': 'PUT / HTTP/1.1\r\nUpgrade: RTSP/1.0\r\n',
    'a token without end': 'A'.repeat(65),
    'a blank first': ' OPTIONS * RTSP/1.0\r\n',
    'a line without end': `PUT /${long}`,
    'empty lines without end': '\r\n'.repeat(10_000),
    'an HTTP head without end': `GET / HTTP/1.1\r\nX: ${long}`,
    binary: '\x00\x01\x02',
  };

  for (const [name, text] of Object.entries(rtsp)) {
    it(`is RTSP: ${name}`, () => {
      assert.equal(looksLikeRtsp(bytesOf(text)), 'yes');
    });
  }
  for (const [name, text] of Object.entries(other)) {
    it(`is none: ${name}`, () => {
      assert.equal(looksLikeRtsp(bytesOf(text)), 'no');
    });
  }

  it('is RTSP for every request the parser takes', () => {
    for (const { text, value } of goodMessages) {
      if (value.kind === 'request') assert.equal(looksLikeRtsp(bytesOf(text)), 'yes', text);
    }
  });

  it('never changes its mind: every shorter beginning says the same or asks for more', () => {
    for (const [texts, verdict] of [
      [rtsp, 'yes'],
      [other, 'no'],
    ] as const) {
      for (const [name, text] of Object.entries(texts)) {
        const bytes = bytesOf(text);
        for (let end = 0; end < bytes.length; end += end < 300 ? 1 : 997) {
          const early = looksLikeRtsp(bytes.subarray(0, end));
          assert.ok(early === 'need-more' || early === verdict, `${name}: ${early} after ${end} bytes`);
        }
      }
    }
  });
});
