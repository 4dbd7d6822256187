import { canDecode, type Presentation, sameParameterSets, type TrackFacts } from '../protocol/index.ts';

/** Can viewers who know `before` go on with `now`? They keep their decoders, and what they were told of each track. */
export function canFollow(before: Presentation, now: Presentation): boolean {
  return (
    now.live === before.live &&
    now.tracks.length === before.tracks.length &&
    before.tracks.every((track, index) => canFollowTrack(track, now.tracks[index]))
  );
}

function canFollowTrack(before: TrackFacts, now: TrackFacts | undefined): boolean {
  return (
    before.form === now?.form &&
    before.codec === now.codec &&
    before.formats.every((format, index) => canDecode(format, now.formats[index]))
  );
}

/** Do viewers who know `before` have the parameter sets that `now` tells? Where sets come in band, they need not. */
export function haveParameterSets(before: Presentation, now: Presentation): boolean {
  return before.tracks.every((track, index) =>
    track.formats.every((format, at) => sameParameterSets(format, now.tracks[index]?.formats[at])),
  );
}
