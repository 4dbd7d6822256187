import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import {
  formatRtpInfo,
  formatSession,
  formatTransport,
  parseList,
  parseRange,
  parseRtpInfo,
  parseSession,
  parseTransports,
} from '../../../../src/protocol/rtsp/wire/index.ts';
import {
  badRanges,
  badSessions,
  badTransports,
  goodRanges,
  goodSessions,
  goodTransports,
  lists,
  rtpInfos,
} from './header-cases.ts';

function refused(parse: (text: string) => unknown, text: string, status: number): void {
  assert.throws(
    () => parse(text),
    (error) => isWeirError(error, 'RTSP_BAD_MESSAGE') && error.fields.status === status,
  );
}

describe('the Transport header (RFC 2326 s.12.39)', () => {
  for (const { name, text, value } of goodTransports) {
    it(`reads ${name}, and what it writes`, () => {
      assert.deepEqual(parseTransports(text), value);
      const again = parseTransports(text).map(formatTransport).join(', ');
      assert.deepEqual(parseTransports(again), value);
    });
  }
  for (const { name, text, status } of badTransports) {
    it(`refuses ${name}`, () => refused(parseTransports, text, status));
  }

  it('is written as servers write it', () => {
    assert.equal(
      formatTransport({
        profile: 'RTP/AVP',
        lower: 'TCP',
        cast: 'unicast',
        interleaved: [0, 1],
        ssrc: 0xbd51f,
        mode: 'PLAY',
        unknown: [],
      }),
      'RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=000BD51F;mode="PLAY"',
    );
  });
});

describe('the Range header (RFC 2326 s.12.29)', () => {
  for (const { name, text, value } of goodRanges) {
    it(`reads ${name}`, () => assert.deepEqual(parseRange(text), { ...value, raw: text }));
  }
  for (const { name, text, status } of badRanges) {
    it(`refuses ${name}`, () => refused(parseRange, text, status));
  }
});

describe('the Session header (RFC 2326 s.12.37)', () => {
  for (const { name, text, value } of goodSessions) {
    it(`reads ${name}, and what it writes`, () => {
      assert.deepEqual(parseSession(text), value);
      assert.deepEqual(parseSession(formatSession(value)), value);
    });
  }
  for (const { name, text, status } of badSessions) {
    it(`refuses ${name}`, () => refused(parseSession, text, status));
  }
});

describe('the RTP-Info header (RFC 2326 s.12.33)', () => {
  for (const { name, text, value } of rtpInfos) {
    it(`reads ${name}, and what it writes`, () => {
      assert.deepEqual(parseRtpInfo(text), value);
      assert.deepEqual(parseRtpInfo(formatRtpInfo(value)), value);
    });
  }
});

describe('headers that are lists', () => {
  for (const { name, text, value } of lists) {
    it(`read ${name}`, () => assert.deepEqual(parseList(text), value));
  }
});
