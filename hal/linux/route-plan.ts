import { AF_INET, familyOf, isLinkLocal, networkOf, parseIp, parsePrefix } from '../ip-address.ts';
import type { NicConfig, NicRoute } from '../nics.ts';
import type { KernelRoute, WantedRoute } from './route-messages.ts';
import type { Link } from './rtnetlink-messages.ts';

export type RouteStep =
  /** `before`: the route to the same destination whose place it takes. */
  | {
      readonly kind: 'set-route';
      readonly link: Link;
      readonly route: WantedRoute;
      readonly before: WantedRoute | undefined;
    }
  | { readonly kind: 'remove-route'; readonly link: Link; readonly route: WantedRoute };

/** Weir's own routes by `link` become those of `config`; `present`: all of Weir's. */
export function planRoutes(
  link: Link,
  present: readonly KernelRoute[],
  config: NicConfig,
): readonly RouteStep[] {
  const wanted = (config.routes ?? []).map((route) => wantedRoute(route, config));
  const mine = present.filter(({ ifindex }) => ifindex === link.ifindex).map(asWanted);
  const missing = wanted.filter(
    (route) => !mine.some((one) => to(one) === to(route) && one.via === route.via),
  );
  const surplus = mine.filter((one) => !wanted.some((route) => to(route) === to(one)));
  return [
    ...missing.map((route) => {
      const before = mine.find((one) => to(one) === to(route));
      return { kind: 'set-route', link, route, before } as const;
    }),
    ...surplus.map((route) => ({ kind: 'remove-route', link, route }) as const),
  ];
}

/** Canonical, as the kernel tells it. */
function wantedRoute({ prefix, via }: NicRoute, config: NicConfig): WantedRoute {
  const destination = parsePrefix(networkOf(parsePrefix(prefix)));
  const gateway = parsePrefix(`${via}/0`).address;
  const bytes = parseIp(gateway) ?? new Uint8Array(4);
  const leased = familyOf(bytes) === AF_INET ? config.dhcp4 : config.dhcp6;
  return { destination, via: gateway, onLink: leased === true || isLinkLocal(bytes) };
}

const asWanted = ({ destination, prefixLength, gateway }: KernelRoute): WantedRoute => ({
  destination: { address: destination, prefixLength },
  via: gateway ?? '',
  onLink: true,
});

const to = ({ destination }: WantedRoute): string => `${destination.address}/${destination.prefixLength}`;
