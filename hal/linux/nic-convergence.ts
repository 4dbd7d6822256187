import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { type Log, WeirError } from '#base';
import { parsePrefix } from '../ip-address.ts';
import { type NicConfig, type NicRole, nicRoles } from '../nics.ts';
import type { DhcpClients } from './dhcp-clients.ts';
import type { KnownNetwork } from './known-network.ts';
import { SYSFS_NICS } from './nic-listing.ts';
import {
  findNic,
  findVlan,
  type NicCandidate,
  type NicState,
  type NicStep,
  planNic,
  planStrays,
  planVlan,
  vlanDevice,
} from './nic-plan.ts';
import { NicSteps } from './nic-steps.ts';
import { ipFamilies } from './route-listing.ts';
import { type KernelRoute, WEIR_PROTOCOL } from './route-messages.ts';
import type { Rtnetlink } from './rtnetlink.ts';
import type { Link } from './rtnetlink-messages.ts';

export type NicConfigs = Readonly<Record<NicRole, NicConfig>>;

/** What bringing the kernel to a configuration came to. */
export interface Converged {
  /** The links of the roles. */
  readonly found: ReadonlyMap<NicRole, Link>;
  readonly done: readonly NicStep[];
}

/**
 * Removing an IPv4 address takes secondary ones of its subnet with it where the kernel does not promote them: the state
 * is read again until nothing is left to do. A VLAN is made in one round and configured in the next.
 */
const ROUNDS = 6;

/** Brings the kernel to a configuration, and back. */
export class NicConvergence {
  readonly #network: Rtnetlink;
  readonly #known: KnownNetwork;
  readonly #dhcp: DhcpClients;
  readonly #steps: NicSteps;

  constructor(options: { network: Rtnetlink; known: KnownNetwork; dhcp: DhcpClients; log: Log }) {
    this.#network = options.network;
    this.#known = options.known;
    this.#dhcp = options.dhcp;
    this.#steps = new NicSteps(options);
  }

  /** Whether `roles` can be bound at all, as `config` says; changes nothing. */
  async check(config: NicConfigs, roles: readonly NicRole[]): Promise<void> {
    findLinks(config, roles, await this.candidates());
    if (roles.some((role) => config[role].vlan !== undefined)) await this.#steps.needVlans();
  }

  /** Brings the kernel to `config`; takes back what it did when a step fails. */
  async converge(config: NicConfigs, roles: readonly NicRole[]): Promise<Converged> {
    const done: NicStep[] = [];
    try {
      for (let round = 1; ; round += 1) {
        await this.#known.read();
        const { found, steps } = await this.#plan(config, roles);
        if (steps.length === 0) return { found, done };
        if (round > ROUNDS) throw notKept(steps);
        for (const step of steps) {
          done.push(step);
          await this.#steps.execute(step);
        }
      }
    } catch (error) {
      await this.takeBack(done);
      throw error;
    }
  }

  async takeBack(done: readonly NicStep[]): Promise<void> {
    for (const step of done.toReversed()) await this.#steps.takeBack(step);
    await this.#known.read();
  }

  /** The links, each with its place in sysfs where that shows this network namespace. */
  candidates(): Promise<readonly NicCandidate[]> {
    return Promise.all(
      this.#known.links.map(async (link) => {
        const path = await realpath(join(SYSFS_NICS, link.device)).catch(() => undefined);
        return { link, path: path?.replace(/^\/sys/, '') };
      }),
    );
  }

  /** What is left to do; `found` holds the roles whose link is there already. */
  async #plan(
    config: NicConfigs,
    roles: readonly NicRole[],
  ): Promise<{ found: ReadonlyMap<NicRole, Link>; steps: readonly NicStep[] }> {
    const state = await this.#state();
    const found = new Map<NicRole, Link>();
    const steps: NicStep[] = [];
    for (const [role, nic] of findLinks(config, roles, await this.candidates())) {
      const { vlan, mtu } = config[role];
      const link = vlan === undefined ? nic : findVlan(this.#known.links, nic, vlanDevice(role, vlan), vlan);
      if (link) found.set(role, link);
      steps.push(...(link ? planNic(link, state, config[role]) : planVlan(role, nic, vlan ?? 0, mtu)));
    }
    // The last: nothing is taken away before all else has gone well.
    if (found.size === nicRoles.length) {
      const wanted = nicRoles.map((role) => config[role]);
      steps.push(...planStrays(this.#known.links, [...found.values()], state, wanted));
    }
    return { found, steps };
  }

  async #state(): Promise<NicState> {
    const routes: KernelRoute[] = [];
    for (const family of ipFamilies())
      routes.push(...(await this.#network.mainRoutes(family, WEIR_PROTOCOL)));
    const dhcp = this.#dhcp.running;
    const leased = dhcp.flatMap(({ device, family }) => {
      const lease = this.#dhcp.lease(device, family);
      return lease ? [parsePrefix(lease.address).address] : [];
    });
    return { addresses: this.#known.addresses, routes, dhcp, leased };
  }
}

/** The link of each role, without its VLAN. */
export function findLinks(
  config: NicConfigs,
  roles: readonly NicRole[],
  candidates: readonly NicCandidate[],
): ReadonlyMap<NicRole, Link> {
  const found = new Map(roles.map((role) => [role, findNic(role, config[role], candidates).link]));
  const { wan, access } = { wan: found.get('wan'), access: found.get('access') };
  // Two VLANs of one NIC are two NICs.
  if (wan && wan.ifindex === access?.ifindex && config.wan.vlan === config.access.vlan) {
    throw new WeirError('CONFIG_BAD_VALUE', `interfaces.wan and interfaces.access are both ${wan.device}`, {
      advice: 'give each role a NIC of its own',
    });
  }
  return found;
}

const notKept = (steps: readonly NicStep[]): WeirError =>
  new WeirError('NETLINK_FAILED', 'the NICs do not keep their configuration', {
    fields: { left: steps.map((step) => `${step.kind} on ${step.link.device}`).join(', ') },
    advice: 'look for another program that configures them',
  });
