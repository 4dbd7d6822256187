import { existsSync } from 'node:fs';
import { AF_INET, AF_INET6, type IpFamily } from '../ip-address.ts';
import type { NetworkNotice, Rtnetlink } from './rtnetlink.ts';
import type { LocalRoute, PolicyRule } from './rtnetlink-messages.ts';
import { INTERCEPTED_MARK } from './ruleset.ts';

/** Table and priority: before `main` (32766). 554 is RTSP's port and free of the numbers in rt_tables. */
const TABLE = 554;
const PRIORITY = 554;
const LOOPBACK = { ifindex: 1, device: 'lo' };

/**
 * What delivers a marked packet here although its destination is foreign: per address family the rule
 * `fwmark -> table 554`, and in that table `local default dev lo`. Without marked packets both are idle, so that those
 * a killed Weir leaves harm nobody.
 */
export class PolicyRoute {
  readonly #network: Rtnetlink;
  readonly #families: readonly IpFamily[];

  constructor(network: Rtnetlink) {
    this.#network = network;
    this.#families = existsSync('/proc/sys/net/ipv6') ? [AF_INET, AF_INET6] : [AF_INET];
  }

  /** Makes what is missing, and says what that was. */
  async ensure(): Promise<readonly string[]> {
    const made: string[] = [];
    // A new network namespace has its loopback off; tproxy and the route need it.
    const lo = (await this.#network.links()).find((link) => link.ifindex === LOOPBACK.ifindex);
    if (lo && !lo.up) {
      await this.#network.setUp(LOOPBACK, true);
      made.push('loopback switched on');
    }
    for (const family of this.#families) {
      const name = family === AF_INET ? 'IPv4' : 'IPv6';
      const rules = await this.#network.rules(family);
      if (!rules.some(isOurRule)) {
        await this.#network.addRule(ourRule(family));
        made.push(`${name} policy rule`);
      }
      const routes = await this.#network.localRoutes(family, TABLE);
      if (!routes.some(isOurRoute)) {
        await this.#network.addLocalRoute(ourRoute(family));
        made.push(`${name} local route`);
      }
    }
    return made;
  }

  /** Takes both away; one that fails does not keep the others. The first failure is thrown. */
  async remove(): Promise<void> {
    const removed = await Promise.allSettled(
      this.#families.flatMap((family) => [
        this.#network.removeRule(ourRule(family)),
        this.#network.removeLocalRoute(ourRoute(family)),
      ]),
    );
    const failed = removed.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  /** True when somebody took our rule or route away. */
  isLoss(notice: NetworkNotice): boolean {
    if (notice.kind === 'rule') return notice.gone && isOurRule(notice.rule);
    if (notice.kind === 'route') return notice.gone && isOurRoute(notice.route);
    // The kernel drops the local route with the loopback.
    return notice.kind === 'link' && notice.link.ifindex === LOOPBACK.ifindex && !notice.link.up;
  }
}

const ourRule = (family: IpFamily): PolicyRule => ({
  family,
  priority: PRIORITY,
  mark: INTERCEPTED_MARK,
  mask: INTERCEPTED_MARK,
  table: TABLE,
});

const ourRoute = (family: IpFamily): LocalRoute => ({ family, ifindex: LOOPBACK.ifindex, table: TABLE });

const isOurRule = (rule: PolicyRule): boolean =>
  rule.priority === PRIORITY &&
  rule.mark === INTERCEPTED_MARK &&
  rule.mask === INTERCEPTED_MARK &&
  rule.table === TABLE;

const isOurRoute = (route: LocalRoute): boolean =>
  route.table === TABLE && route.ifindex === LOOPBACK.ifindex;
