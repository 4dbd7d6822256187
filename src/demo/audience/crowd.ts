/** How many viewers watch at each moment of the demo: they come one by one, then in numbers, and go again. */
const acts: readonly { readonly seconds: number; readonly viewers: number }[] = [
  { seconds: 4, viewers: 1 },
  { seconds: 4, viewers: 2 },
  { seconds: 5, viewers: 8 },
  { seconds: 8, viewers: 40 },
  { seconds: 5, viewers: 12 },
  { seconds: 4, viewers: 3 },
  { seconds: 4, viewers: 0 },
];

const lengthSeconds = acts.reduce((sum, { seconds }) => sum + seconds, 0);

/** Viewers wanted `second` seconds after the start; the play begins again when it has ended. */
export function crowdAt(second: number): number {
  let left = second % lengthSeconds;
  for (const { seconds, viewers } of acts) {
    if (left < seconds) return viewers;
    left -= seconds;
  }
  return 0;
}
