import type { Presentation } from '../protocol/index.ts';

/** Can viewers who know `before` go on with `now`? They keep their decoders: every track must be of the same form, its packets, too. */
export function canFollow(before: Presentation, now: Presentation): boolean {
  return (
    now.live === before.live &&
    now.tracks.length === before.tracks.length &&
    before.tracks.every(
      ({ form, codec }, index) => form === now.tracks[index]?.form && codec === now.tracks[index]?.codec,
    )
  );
}
