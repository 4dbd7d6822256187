import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import { parseSdp } from '../../../../src/protocol/rtsp/wire/index.ts';
import { bytesOf } from './message-cases.ts';
import { badSdps, goodSdps, liveCases } from './sdp-cases.ts';

describe('session descriptions (RFC 4566, RFC 2326 app. C)', () => {
  for (const { name, text, value } of goodSdps) {
    it(`reads ${name}`, () => {
      const { tracks, ...sdp } = parseSdp(bytesOf(text));
      assert.deepEqual({ ...sdp, tracks: tracks.map(({ formats: _, ...track }) => track) }, value);
    });
  }
  for (const { name, text } of badSdps) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => parseSdp(bytesOf(text)),
        (error) => isWeirError(error, 'RTSP_BAD_SDP') && error.fields.bytes === text.length,
      );
    });
  }
  for (const { name, text, live } of liveCases) {
    it(`takes ${name} for ${live ? 'live' : 'a recording'} (RFC 2326 s.C.1.5)`, () => {
      assert.equal(parseSdp(bytesOf(text)).live, live);
    });
  }

  it('tells channels and parameters of each payload type, once (RFC 4566 s.6)', () => {
    const text = [
      'm=audio 0 RTP/AVP 97 10 0 97',
      'a=rtpmap:97 opus/48000/2',
      'a=fmtp:97 Stereo = 1;;useinbandfec; x=a=b ;',
      'a=fmtp:97 cbr=1',
      'a=fmtp:98 cbr=0',
    ].join('\r\n');
    const parameters = { stereo: '1', useinbandfec: '', x: 'a=b', cbr: '1' };
    const none = new Map();
    assert.deepEqual(parseSdp(bytesOf(text)).tracks[0]?.formats, [
      {
        payloadType: 97,
        encodingName: 'OPUS',
        clockRateHz: 48_000,
        channels: 2,
        parameters: new Map(Object.entries(parameters)),
      },
      { payloadType: 10, encodingName: 'L16', clockRateHz: 44_100, channels: 2, parameters: none },
      { payloadType: 0, encodingName: 'PCMU', clockRateHz: 8000, channels: 1, parameters: none },
    ]);
  });

  it('tells the first range there is', () => {
    assert.equal(parseSdp(bytesOf(liveCases[6]?.text ?? '')).range, 'npt=0.000-7.741');
    assert.equal(parseSdp(bytesOf(liveCases[9]?.text ?? '')).range, 'npt=0-120');
    assert.equal(parseSdp(bytesOf(liveCases[0]?.text ?? '')).range, undefined);
  });

  it('reads 64 KiB of hostile lines within 200 ms each', () => {
    const hostile = [
      'a=imageattr:97 send [x=1,y=1] recv ',
      'a=simulcast:send 1;2,~3 ',
      'a=candidate:1 1 udp 1 h 1 typ host ',
      'a=source-filter: incl IN IP4 ',
      'a=extmap:1/x urn:ietf:params:rtp-hdrext:encrypt ',
      'a=rtpmap:1 ',
      'a=rtpmap:96 H265/90000\r\na=fmtp:96 ',
      'a=ts-refclk:',
    ];
    for (const start of hostile) {
      for (const filler of [' ', 'a', '[', ']', '[a] ', '1 ', ';', ',~1']) {
        const text = `v=0\r\nm=video 0 RTP/AVP 96\r\n${start}${filler.repeat(65_536 / filler.length)}\r\n`;
        const before = process.cpuUsage();
        parseSdp(bytesOf(text));
        const { user, system } = process.cpuUsage(before);
        assert.ok(user + system < 200_000, `${start}${filler}...: ${user + system} us`);
      }
    }
  });
});
