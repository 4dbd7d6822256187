import { isIPv6 } from 'node:net';
import { WeirError } from '#base';

/** Half of the first viewer's block is for viewers that receive, half for those whose media is dropped (world.ts). */
const halfSize = 32_768;

/** The upper half of the block: whose media is dropped. */
export const droppedBlock = { v4: '198.19.128.0/17', v6: '2001:db8:199::8000/113' } as const;

/** Address number `index` of the lower half, of the server's family. */
export const receivingAddress = (index: number, server: string): string => address(index, server, 0);

/** Address number `index` of the upper half. They are consecutive. */
export const droppedAddress = (index: number, server: string): string => address(index, server, halfSize);

/**
 * The `index`-th of the last `count` addresses of the lower half, IPv4: who counts up from the first of them comes by
 * `count` viewers that receive, then only by such whose media is dropped.
 */
export const lastReceivingAddress = (index: number, count: number): string =>
  receivingAddress(halfSize - 1 - count + index, '0.0.0.0');

function address(index: number, server: string, half: number): string {
  // The first address of a network is not used for hosts.
  const place = index + 1;
  if (place >= halfSize) throw new WeirError('USAGE', `at most ${halfSize - 1} viewers of a kind`);
  const host = half + place;
  return isIPv6(server) ? `2001:db8:199::${host.toString(16)}` : `198.19.${host >> 8}.${host & 0xff}`;
}
