/** One picture, 4:2:0, planes one after the other as in a raw `yuv420p` file. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Y, then Cb and Cr at half the size each way. */
  readonly planes: Uint8Array;
}

/** Both sides are whole macroblocks, so that nothing has to be cropped. */
export const pictureWidth = 160;
export const pictureHeight = 96;

const boxSize = 24;
const barHeight = 8;
type Colour = readonly [y: number, cb: number, cr: number];
const boxColour: Colour = [180, 60, 200];
const barColour: Colour = [210, 128, 128];
const emptyBarColour: Colour = [30, 128, 128];

/**
 * Picture `index` of a group of `count` that can be repeated without a jump: a box that bounces over coloured stripes,
 * and a bar at the bottom that grows with the group. No sample is 0, as the first edition of H.264 asks of I_PCM.
 */
export function renderPicture(index: number, count: number): Picture {
  const planes = new Uint8Array((pictureWidth * pictureHeight * 3) / 2);
  const phase = index / count;
  const boxX = Math.round(bounce(phase) * (pictureWidth - boxSize));
  const boxY = Math.round(bounce(phase * 2) * (pictureHeight - barHeight - boxSize));
  const barEnd = Math.round(((index + 1) / count) * pictureWidth);
  const colourAt = (x: number, y: number): Colour => {
    if (y >= pictureHeight - barHeight) return x < barEnd ? barColour : emptyBarColour;
    if (x >= boxX && x < boxX + boxSize && y >= boxY && y < boxY + boxSize) return boxColour;
    const stripe = Math.floor((x * 8) / pictureWidth);
    return [50 + stripe * 18, 100 + ((stripe * 37) % 64), 90 + ((stripe * 53) % 72)];
  };
  const [halfWidth, halfHeight] = [pictureWidth / 2, pictureHeight / 2];
  const cbStart = pictureWidth * pictureHeight;
  const crStart = cbStart + halfWidth * halfHeight;
  for (let y = 0; y < pictureHeight; y++) {
    for (let x = 0; x < pictureWidth; x++) planes[y * pictureWidth + x] = colourAt(x, y)[0];
  }
  for (let y = 0; y < halfHeight; y++) {
    for (let x = 0; x < halfWidth; x++) {
      const [, cb, cr] = colourAt(x * 2, y * 2);
      planes[cbStart + y * halfWidth + x] = cb;
      planes[crStart + y * halfWidth + x] = cr;
    }
  }
  return { width: pictureWidth, height: pictureHeight, planes };
}

/** 0 at 0, 1 at one half, 0 at 1, and so on. */
const bounce = (phase: number): number => 1 - Math.abs(1 - 2 * (phase % 1));
