import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import {
  normalizeForSharing,
  parseRtspUrl,
  resolveControl,
  trackOfUrl,
} from '../../../../src/protocol/rtsp/wire/index.ts';
import { badUrls, goodUrls, resolvedControls, sharingGroups, trackCases } from './url-cases.ts';

describe('rtsp:// URLs (RFC 2326 s.3.2)', () => {
  for (const { text, value } of goodUrls) {
    it(`reads ${text}`, () => assert.deepEqual(parseRtspUrl(text), { ...value, scheme: 'rtsp' }));
  }
  for (const text of badUrls) {
    it(`refuses ${JSON.stringify(text).slice(0, 40)}`, () => {
      assert.throws(
        () => parseRtspUrl(text),
        (error) => isWeirError(error, 'RTSP_BAD_MESSAGE') && error.fields.status === 400,
      );
    });
  }

  it('keeps no user information in anything shown, not even in its refusal', () => {
    assert.doesNotMatch(JSON.stringify(parseRtspUrl('rtsp://admin:geheim@h/live')), /admin|geheim/);
    assert.throws(
      () => parseRtspUrl('rtsp://admin:geheim@h:0/live'),
      (error) => isWeirError(error) && !/geheim/.test(error.describe()),
    );
  });
});

describe('which URLs share a feed (RFC 3986 s.6.2.2)', () => {
  for (const group of sharingGroups) {
    it(`gives one key to ${group.join(' and ')}`, () => {
      const keys = new Set(group.map((url) => normalizeForSharing(url)));
      assert.equal(keys.size, 1, [...keys].join(' '));
      const [key = ''] = keys;
      assert.equal(normalizeForSharing(key), key);
    });
  }

  it('gives different keys to all others', () => {
    const keys = sharingGroups.map(([url = '']) => normalizeForSharing(url));
    assert.equal(new Set(keys).size, keys.length);
  });
});

describe('control URLs (RFC 2326 s.C.1.1)', () => {
  for (const { base, control, url } of resolvedControls) {
    it(`resolves ${control} against ${base}`, () => assert.equal(resolveControl(base, control), url));
  }
  for (const { name, base, tracks, requests, index } of trackCases) {
    it(`finds ${index === undefined ? 'no track' : `track ${index}`} for ${name}`, () => {
      for (const request of requests) assert.equal(trackOfUrl(request, { base, tracks }), index, request);
    });
  }
});
