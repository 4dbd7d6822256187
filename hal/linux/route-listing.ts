import { existsSync } from 'node:fs';
import { AF_INET, AF_INET6, type IpFamily } from '../ip-address.ts';
import type { Route } from '../nics.ts';
import { type KernelRoute, WEIR_PROTOCOL } from './route-messages.ts';
import type { Rtnetlink } from './rtnetlink.ts';

/** rtnetlink(7), RTPROT_*. */
const protocols: Readonly<Record<number, string>> = {
  1: 'redirect',
  2: 'kernel',
  3: 'boot',
  4: 'static',
  9: 'ra',
  16: 'dhcp',
  [WEIR_PROTOCOL]: 'weir',
};

/** Families this kernel has. */
export const ipFamilies = (): readonly IpFamily[] =>
  existsSync('/proc/sys/net/ipv6') ? [AF_INET, AF_INET6] : [AF_INET];

/** The main table of both families; routes of the loopback and of multicast are left out. */
export async function readRoutes(
  network: Rtnetlink,
  deviceOf: (ifindex: number) => string | undefined,
): Promise<readonly Route[]> {
  const routes: KernelRoute[] = [];
  for (const family of ipFamilies()) routes.push(...(await network.mainRoutes(family)));
  return routes
    .filter(({ destination, ifindex }) => deviceOf(ifindex) !== 'lo' && !destination.startsWith('ff'))
    .map(({ destination, prefixLength, gateway, ifindex, protocol, metric, discards }) => ({
      destination: `${destination}/${prefixLength}`,
      via: gateway,
      device: deviceOf(ifindex),
      protocol: protocols[protocol] ?? String(protocol),
      metric,
      action: discards ? 'discard' : 'forward',
    }));
}
