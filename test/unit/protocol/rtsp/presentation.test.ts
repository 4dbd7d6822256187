import assert from 'node:assert/strict';
import type { TrackOptions } from '#hal';
import { presentationOf } from './presentation-of.ts';

/** What the datapath is told of the tracks that an origin describes so. */
function tracksOf(description: string): readonly TrackOptions[] {
  const { tracks } = presentationOf(description, 'rtsp://origin.example.net/live');
  return tracks.map(({ clockRateHz, codec, video }) => ({ clockRateHz, codec, video }));
}

describe('what an origin presents', () => {
  it('tells the datapath of decoding order numbers in the packets of a track (RFC 7798 s.7.1)', () => {
    const track = (maxDonDiff: number) =>
      `m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\na=fmtp:96 sprop-max-don-diff=${maxDonDiff}\r\n`;
    assert.deepEqual(tracksOf(`v=0\r\n${track(3)}${track(0)}m=audio 0 RTP/AVP 0\r\n`), [
      { clockRateHz: 90_000, codec: 'h265WithDon', video: true },
      { clockRateHz: 90_000, codec: 'h265', video: true },
      { clockRateHz: 8000, codec: 'none', video: false },
    ]);
  });
});
