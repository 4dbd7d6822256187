import { type Clock, type Closeable, describeError, type Log, Signal, WeirError } from '#base';
import { AF_INET, type IpFamily, parseIp } from '../ip-address.ts';
import { isErrno, Netlink, type NetlinkMessage } from './netlink.ts';
import {
  type KernelRoute,
  mainDumpPayload,
  parseRoutes,
  type WantedRoute,
  weirRoutePayload,
} from './route-messages.ts';
import * as wire from './rtnetlink-messages.ts';

/** RTMGRP_*: LINK, NEIGH, IPV4_IFADDR, IPV4_ROUTE, IPV4_RULE, IPV6_IFADDR, IPV6_ROUTE, RTNLGRP_IPV6_RULE. */
const GROUPS = 0x1 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 0x40000;
const NLM_F_REPLACE = 0x100;
const NLM_F_EXCL = 0x200;
const NLM_F_CREATE = 0x400;

/** A change in the kernel's tables, made by anybody. */
export type NetworkNotice =
  | { readonly kind: 'link'; readonly link: wire.Link; readonly gone: boolean }
  | { readonly kind: 'address'; readonly address: wire.InterfaceAddress; readonly gone: boolean }
  | { readonly kind: 'neighbour'; readonly neighbour: wire.Neighbour }
  | { readonly kind: 'rule'; readonly rule: wire.PolicyRule; readonly gone: boolean }
  | { readonly kind: 'route'; readonly route: wire.LocalRoute; readonly gone: boolean };

/** What Weir asks of the kernel's network configuration, and hears from it. */
export class Rtnetlink implements Closeable {
  readonly notice: Signal<NetworkNotice>;
  /** Notices may have been lost: read everything again. */
  readonly resynced: Signal<{ readonly cause: string }>;
  readonly #netlink: Netlink;

  private constructor(netlink: Netlink, log: Log) {
    this.#netlink = netlink;
    this.resynced = netlink.resynced;
    this.notice = new Signal((error) =>
      log.error('network listener failed', { error: describeError(error) }),
    );
    netlink.notice.on((message) => {
      const notice = parseNotice(message);
      if (notice) this.notice.emit(notice);
    });
  }

  static async open(options: { log: Log; clock: Clock }): Promise<Rtnetlink> {
    return new Rtnetlink(await Netlink.open({ ...options, groups: GROUPS }), options.log);
  }

  close(): Promise<void> {
    return this.#netlink.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async links(): Promise<readonly wire.Link[]> {
    const request = { what: 'list the NICs', type: wire.RTM_GETLINK, payload: wire.linkPayload(0) };
    return present((await this.#netlink.dump(request)).map(wire.parseLink));
  }

  async addresses(): Promise<readonly wire.InterfaceAddress[]> {
    const request = {
      what: 'list the addresses',
      type: wire.RTM_GETADDR,
      payload: wire.addressDumpPayload(),
    };
    return present((await this.#netlink.dump(request)).map(wire.parseInterfaceAddress));
  }

  async neighbours(): Promise<readonly wire.Neighbour[]> {
    const payload = wire.neighbourDumpPayload();
    const request = { what: 'list the neighbours', type: wire.RTM_GETNEIGH, payload };
    return present((await this.#netlink.dump(request)).map(wire.parseNeighbour));
  }

  /** The rules of this family that look at the packet's mark. */
  async rules(family: IpFamily): Promise<readonly wire.PolicyRule[]> {
    const request = {
      what: `list the ${nameOf(family)} rules`,
      type: wire.RTM_GETRULE,
      payload: wire.ruleDumpPayload(family),
    };
    return present((await this.#netlink.dump(request)).map(wire.parseRule));
  }

  /** The `local default` routes in this table. */
  async localRoutes(family: IpFamily, table: number): Promise<readonly wire.LocalRoute[]> {
    const request = {
      what: `list the ${nameOf(family)} routes of table ${table}`,
      type: wire.RTM_GETROUTE,
      payload: wire.routeDumpPayload(family, table),
    };
    try {
      const routes = present((await this.#netlink.dump(request)).map(wire.parseLocalRoute));
      return routes.filter((route) => route.table === table);
    } catch (error) {
      // A table without a route does not exist.
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    }
  }

  /** The main table; with `protocol` only the routes of who uses that number (RTPROT_*). */
  async mainRoutes(family: IpFamily, protocol?: number): Promise<readonly KernelRoute[]> {
    const request = {
      what: `list the ${nameOf(family)} routes`,
      type: wire.RTM_GETROUTE,
      payload: mainDumpPayload(family, protocol),
    };
    return (await this.#netlink.dump(request)).flatMap(parseRoutes);
  }

  /** rtnl_link_stats64: rx/tx packets, rx/tx bytes, rx/tx errors, rx/tx dropped. */
  async statistics(ifindex: number): Promise<BigUint64Array> {
    const what = `tell the counters of NIC ${ifindex}`;
    const payload = wire.linkPayload(ifindex);
    const [message] = await this.#netlink.request({ what, type: wire.RTM_GETLINK, payload });
    const statistics = message && wire.parseStatistics(message);
    if (!statistics) throw new WeirError('NETLINK_FAILED', `the kernel did not ${what}`);
    return statistics;
  }

  async setMtu(link: wire.Link, mtu: number): Promise<void> {
    const payload = wire.linkMtuPayload(link.ifindex, mtu);
    await this.#change(`set the MTU of ${link.device} to ${mtu}`, wire.RTM_NEWLINK, payload);
  }

  async setUp(link: Pick<wire.Link, 'ifindex' | 'device'>, up: boolean): Promise<void> {
    const payload = wire.linkUpPayload(link.ifindex, up);
    await this.#change(`switch ${link.device} ${up ? 'on' : 'off'}`, wire.RTM_NEWLINK, payload);
  }

  /** An address that is there already is fine. */
  async addAddress(link: wire.Link, address: string, prefixLength: number): Promise<void> {
    const payload = wire.addressPayload(link.ifindex, bytesOf(address), prefixLength);
    const what = `add ${address}/${prefixLength} to ${link.device}`;
    await this.#change(what, wire.RTM_NEWADDR, payload, NLM_F_CREATE | NLM_F_EXCL, 'EEXIST');
  }

  /** Makes an address that was removed again, with all it had. */
  async restoreAddress(address: wire.InterfaceAddress): Promise<void> {
    const what = `put ${address.address}/${address.prefixLength} back`;
    await this.#change(what, wire.RTM_NEWADDR, address.payload, NLM_F_CREATE | NLM_F_EXCL, 'EEXIST');
  }

  /** An address that is not there is fine. */
  async removeAddress(link: wire.Link, address: string, prefixLength: number): Promise<void> {
    const payload = wire.addressPayload(link.ifindex, bytesOf(address), prefixLength);
    const what = `remove ${address}/${prefixLength} from ${link.device}`;
    await this.#change(what, wire.RTM_DELADDR, payload, 0, 'EADDRNOTAVAIL');
  }

  /** A route of Weir's; takes the place of another one of Weir's to the same destination. */
  async setRoute(link: wire.Link, route: WantedRoute): Promise<void> {
    const { destination, via } = route;
    const what = `route ${destination.address}/${destination.prefixLength} via ${via} by ${link.device}`;
    const payload = weirRoutePayload(link.ifindex, route);
    await this.#change(what, wire.RTM_NEWROUTE, payload, NLM_F_CREATE | NLM_F_REPLACE);
  }

  /** One that is not there is fine. */
  async removeRoute(link: wire.Link, route: WantedRoute): Promise<void> {
    const { destination, via } = route;
    const what = `remove the route to ${destination.address}/${destination.prefixLength} via ${via}`;
    await this.#change(what, wire.RTM_DELROUTE, weirRoutePayload(link.ifindex, route), 0, 'ESRCH', 'ENODEV');
  }

  /** A VLAN that is there already is fine. */
  async addVlan(parent: wire.Link, device: string, vlan: number): Promise<void> {
    const what = `make the VLAN ${vlan} of ${parent.device}`;
    const payload = wire.vlanPayload(parent.ifindex, device, vlan);
    await this.#change(what, wire.RTM_NEWLINK, payload, NLM_F_CREATE | NLM_F_EXCL, 'EEXIST');
  }

  /** Rejects with EOPNOTSUPP where the kernel makes no VLANs (IEEE 802.1Q). Makes none. */
  async needVlans(): Promise<void> {
    await this.#change('make VLANs', wire.RTM_NEWLINK, wire.anyVlanPayload(), NLM_F_CREATE, 'EINVAL');
  }

  async setAlias(link: wire.Link, alias: string): Promise<void> {
    const payload = wire.linkAliasPayload(link.ifindex, alias);
    await this.#change(`name ${link.device} "${alias}"`, wire.RTM_NEWLINK, payload);
  }

  /** One that is not there is fine. */
  async removeLink(link: wire.Link): Promise<void> {
    const payload = wire.linkPayload(link.ifindex);
    await this.#change(`remove ${link.device}`, wire.RTM_DELLINK, payload, 0, 'ENODEV');
  }

  async addRule(rule: wire.PolicyRule): Promise<void> {
    const what = `add the ${nameOf(rule.family)} rule to table ${rule.table}`;
    await this.#change(what, wire.RTM_NEWRULE, wire.rulePayload(rule), NLM_F_CREATE | NLM_F_EXCL, 'EEXIST');
  }

  async removeRule(rule: wire.PolicyRule): Promise<void> {
    const what = `remove the ${nameOf(rule.family)} rule to table ${rule.table}`;
    await this.#change(what, wire.RTM_DELRULE, wire.rulePayload(rule), 0, 'ENOENT');
  }

  async addLocalRoute(route: wire.LocalRoute): Promise<void> {
    const what = `add the local ${nameOf(route.family)} route of table ${route.table}`;
    const payload = wire.localRoutePayload(route);
    await this.#change(what, wire.RTM_NEWROUTE, payload, NLM_F_CREATE | NLM_F_EXCL, 'EEXIST');
  }

  async removeLocalRoute(route: wire.LocalRoute): Promise<void> {
    const what = `remove the local ${nameOf(route.family)} route of table ${route.table}`;
    await this.#change(what, wire.RTM_DELROUTE, wire.localRoutePayload(route), 0, 'ESRCH', 'ENOENT');
  }

  /** Every change here may be asked twice: what is as wanted already is fine. So a time-out is just asked again. */
  async #change(
    what: string,
    type: number,
    payload: Buffer,
    flags = 0,
    ...fine: readonly string[]
  ): Promise<void> {
    const request = { what, type, flags, payload };
    try {
      await this.#netlink.request(request).catch((error) => {
        if (!isErrno(error, 'ETIMEDOUT')) throw error;
        return this.#netlink.request(request);
      });
    } catch (error) {
      if (!isErrno(error, ...fine)) throw error;
    }
  }
}

function parseNotice(message: NetlinkMessage): NetworkNotice | undefined {
  switch (message.type) {
    case wire.RTM_NEWLINK:
    case wire.RTM_DELLINK: {
      const link = wire.parseLink(message);
      return link && { kind: 'link', link, gone: message.type === wire.RTM_DELLINK };
    }
    case wire.RTM_NEWADDR:
    case wire.RTM_DELADDR: {
      const address = wire.parseInterfaceAddress(message);
      return address && { kind: 'address', address, gone: message.type === wire.RTM_DELADDR };
    }
    case wire.RTM_NEWNEIGH:
    case wire.RTM_DELNEIGH: {
      const neighbour = wire.parseNeighbour(message);
      return neighbour && { kind: 'neighbour', neighbour };
    }
    case wire.RTM_NEWRULE:
    case wire.RTM_DELRULE: {
      const rule = wire.parseRule(message);
      return rule && { kind: 'rule', rule, gone: message.type === wire.RTM_DELRULE };
    }
    case wire.RTM_NEWROUTE:
    case wire.RTM_DELROUTE: {
      const route = wire.parseLocalRoute(message);
      return route && { kind: 'route', route, gone: message.type === wire.RTM_DELROUTE };
    }
    default:
      return undefined;
  }
}

function present<T>(items: readonly (T | undefined)[]): readonly T[] {
  return items.filter((item) => item !== undefined);
}

const nameOf = (family: IpFamily): string => (family === AF_INET ? 'IPv4' : 'IPv6');

function bytesOf(address: string): Uint8Array {
  const bytes = parseIp(address);
  if (!bytes) throw new WeirError('CONFIG_BAD_VALUE', `"${address}" is not an IP address`);
  return bytes;
}
