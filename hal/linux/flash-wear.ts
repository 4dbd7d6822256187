import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FlashWear } from '../board.ts';

const spareBlocks = { 1: 'normal', 2: 'warning', 3: 'urgent' } as const;
/** Greatest value of a lifetime estimate: the expected life is over. */
const BEYOND_LIFE = 0x0b;

/** The eMMC and SD devices below `sys` that tell how worn they are (JEDEC JESD84-B51 s.7.4.26 to 7.4.28). */
export async function readFlashWear(sys: string): Promise<readonly FlashWear[]> {
  const folder = join(sys, 'class', 'block');
  const devices = (await readdir(folder).catch(() => [])).filter((name) => /^mmcblk\d+$/.test(name));
  const read = await Promise.all(
    devices.sort().map((device) => readDevice(device, join(folder, device, 'device'))),
  );
  return read.filter((wear) => wear.lifeUsedPercent !== undefined || wear.spareBlocks !== undefined);
}

async function readDevice(device: string, folder: string): Promise<FlashWear> {
  const property = (name: string) => readFile(join(folder, name), 'utf8').then(trimmed, () => undefined);
  const [name, lifeTime, preEol] = await Promise.all(['name', 'life_time', 'pre_eol_info'].map(property));
  // Two values, `0x01 0x02`, of single-level and multi-level cells; 0: not defined.
  const estimates = (lifeTime ?? '').split(/\s+/).map(Number).filter(isEstimate);
  return {
    device,
    name: name || undefined,
    lifeUsedPercent: estimates.length > 0 ? 10 * Math.max(...estimates) : undefined,
    spareBlocks: spareBlocks[Number(preEol) as keyof typeof spareBlocks],
  };
}

const trimmed = (text: string): string => text.trim();

const isEstimate = (value: number): boolean => Number.isInteger(value) && value > 0 && value <= BEYOND_LIFE;
