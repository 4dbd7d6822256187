import assert from 'node:assert/strict';
import { urlMatches, urlPattern } from '../../../src/config/index.ts';

describe('URL patterns', () => {
  const cases: readonly [pattern: string, url: string, matches: boolean][] = [
    ['rtsp://tv/live', 'rtsp://tv/live', true],
    ['rtsp://tv/live', 'rtsp://tv/live2', false],
    ['rtsp://tv/live', 'rtsp://tv/liv', false],
    ['*', 'rtsp://tv/live', true],
    ['rtsp://tv/*', 'rtsp://tv/a/b/c?d=e', true],
    ['rtsp://tv/*', 'rtsp://tv', false],
    ['*/sport/*', 'rtsp://tv/x/sport/1', true],
    ['rtsp://*.example.net/*', 'rtsp://a.b.example.net/x', true],
    ['rtsp://*.example.net/*', 'rtsp://example.net/x', false],
    ['RTSP://TV.Example.Net/live', 'rtsp://tv.example.net/live', true],
    ['rtsp://tv/Live', 'rtsp://tv/live', false],
    ['rtsp://tv:554/live', 'rtsp://tv/live', true],
    ['rtsp://tv:8554/live', 'rtsp://tv:8554/live', true],
    ['rtsp://tv/a*b*c', 'rtsp://tv/axxbyybzzc', true],
    ['rtsp://tv/a*b*c', 'rtsp://tv/axxbyybzz', false],
    ['rtsp://tv/a**', 'rtsp://tv/a', true],
    ['rtsp://tv/a.c', 'rtsp://tv/abc', false],
    ['rtsp://tv/(a|b)+', 'rtsp://tv/(a|b)+', true],
    ['rtsp://[2001:DB8::1]/*', 'rtsp://[2001:db8::1]/x', true],
  ];
  for (const [pattern, url, matches] of cases) {
    it(`${pattern} ${matches ? 'fits' : 'does not fit'} ${url}`, () =>
      assert.equal(urlMatches(pattern, url), matches));
  }

  it('with many stars take no exponential time', () => {
    assert.equal(urlMatches(`*${'a*'.repeat(900)}b`, 'a'.repeat(4000)), false);
  });

  it('begin with a scheme or a star', () => {
    for (const good of ['*', 'rtsp://*', '*.m3u8']) assert.match(good, urlPattern.pattern);
    for (const bad of ['', 'tv/live', '/live', 'rtsp:// x', 'rtsp://a\n']) {
      assert.doesNotMatch(bad, urlPattern.pattern);
    }
  });
});
