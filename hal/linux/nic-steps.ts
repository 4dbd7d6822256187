import { describeError, isWeirError, type Log, WeirError } from '#base';
import { parsePrefix } from '../ip-address.ts';
import type { DhcpFamily } from '../nics.ts';
import type { DhcpClients } from './dhcp-clients.ts';
import { isErrno } from './netlink.ts';
import { type NicStep, vlanAlias } from './nic-plan.ts';
import type { Rtnetlink } from './rtnetlink.ts';
import type { Link } from './rtnetlink-messages.ts';
import { writeSysctl } from './sysctl.ts';

/** Does the steps of a plan, and takes them back. */
export class NicSteps {
  readonly #network: Rtnetlink;
  readonly #dhcp: DhcpClients;
  readonly #log: Log;

  constructor(options: { network: Rtnetlink; dhcp: DhcpClients; log: Log }) {
    this.#network = options.network;
    this.#dhcp = options.dhcp;
    this.#log = options.log;
  }

  /** @throws {WeirError} where the kernel makes no VLANs. */
  async needVlans(): Promise<void> {
    await this.#network.needVlans().catch((error) => {
      throw noVlans(error);
    });
  }

  async execute(step: NicStep): Promise<void> {
    const network = this.#network;
    switch (step.kind) {
      case 'mtu':
        return await network.setMtu(step.link, step.mtu);
      case 'up':
        return await network.setUp(step.link, true);
      case 'add-address':
        return await network.addAddress(step.link, step.prefix.address, step.prefix.prefixLength);
      case 'remove-address':
        // Where it cannot be set, the next round adds again what went with the address.
        await writeSysctl(`net/ipv4/conf/${step.link.device}/promote_secondaries`, '1').catch(() => {});
        return await network.removeAddress(step.link, step.address.address, step.address.prefixLength);
      case 'set-route':
        return await network.setRoute(step.link, step.route).catch((error) => {
          throw unreachable(step.route.via, step.link, error);
        });
      case 'remove-route':
        return await network.removeRoute(step.link, step.route);
      case 'start-dhcp':
        return await this.#dhcp.start(step.link.device, step.family);
      case 'stop-dhcp':
        return await this.#stopDhcp(step.link.device, step.family);
      case 'add-vlan':
        return await this.#addVlan(step.link, step.device, step.vlan);
      case 'remove-vlan':
        return await network.removeLink(step.link);
    }
  }

  /** What cannot be taken back is logged: the other steps are taken back all the same. */
  async takeBack(step: NicStep): Promise<void> {
    try {
      await this.#undo(step);
    } catch (error) {
      this.#log.error('NIC not put back', {
        device: step.link.device,
        step: step.kind,
        error: describeError(error),
      });
    }
  }

  async #undo(step: NicStep): Promise<void> {
    const network = this.#network;
    switch (step.kind) {
      case 'mtu':
        return await network.setMtu(step.link, step.link.mtu);
      case 'up':
        return await network.setUp(step.link, false);
      case 'add-address':
        return await network.removeAddress(step.link, step.prefix.address, step.prefix.prefixLength);
      case 'remove-address':
        return await network.restoreAddress(step.address);
      case 'set-route':
        if (step.before) return await network.setRoute(step.link, step.before);
        return await network.removeRoute(step.link, step.route);
      case 'remove-route':
        return await network.setRoute(step.link, step.route);
      case 'start-dhcp':
        return await this.#stopDhcp(step.link.device, step.family);
      case 'stop-dhcp':
        return await this.#dhcp.start(step.link.device, step.family);
      case 'add-vlan': {
        const made = await this.#named(step.device);
        return made && (await network.removeLink(made));
      }
      case 'remove-vlan': {
        const parent = (await network.links()).find(({ ifindex }) => ifindex === step.link.parent);
        if (parent) await this.#addVlan(parent, step.link.device, step.link.vlan ?? 0);
        return;
      }
    }
  }

  /** One that had died, or is of DHCPv6, leaves its address behind; with that the kernel takes its routes. */
  async #stopDhcp(device: string, family: DhcpFamily): Promise<void> {
    const lease = this.#dhcp.lease(device, family);
    await this.#dhcp.stop(device, family);
    const link = lease && (await this.#named(device));
    if (!link) return;
    const { address, prefixLength } = parsePrefix(lease.address);
    await this.#network.removeAddress(link, address, prefixLength);
  }

  async #addVlan(parent: Link, device: string, vlan: number): Promise<void> {
    await this.#network.addVlan(parent, device, vlan).catch((error) => {
      throw noVlans(error);
    });
    const made = await this.#named(device);
    if (made) await this.#network.setAlias(made, vlanAlias);
  }

  async #named(device: string): Promise<Link | undefined> {
    return (await this.#network.links()).find((link) => link.device === device);
  }
}

/** The kernel's refusal of a gateway that no address of the NIC has in its subnet, said so that it can be mended. */
function unreachable(via: string, link: Link, error: unknown): unknown {
  if (!isWeirError(error) || !isErrno(error, 'ENETUNREACH', 'EHOSTUNREACH', 'EINVAL')) return error;
  return new WeirError('NETLINK_FAILED', `the gateway ${via} is not in a subnet of ${link.device}`, {
    fields: error.fields,
    advice: 'give the NIC an address in the subnet of the gateway, or name another gateway',
    cause: error,
  });
}

function noVlans(error: unknown): unknown {
  if (!isWeirError(error) || !isErrno(error, 'EOPNOTSUPP', 'ENOTSUP')) return error;
  return new WeirError('NETLINK_FAILED', 'this kernel makes no VLANs', {
    fields: error.fields,
    advice: 'it needs CONFIG_VLAN_8021Q (`modprobe 8021q`); `delete` the vlan, or start another kernel',
    cause: error,
  });
}
