import { BlockList, isIPv6 } from 'node:net';
import type { ConfigFault } from './config-fault.ts';
import type { Config } from './tree.ts';

type Interfaces = Config['interfaces'];
type Nic = Interfaces['wan'] | Interfaces['access'];

/** What no single value of `interfaces` can say about itself. */
export function checkInterfaces({ wan, access }: Interfaces, faults: ConfigFault[]): void {
  checkNic('interfaces.wan', wan, faults);
  checkNic('interfaces.access', access, faults);
  // Two VLANs of one NIC are two NICs.
  if (wan.vlan === access.vlan) {
    if (wan.device !== undefined && wan.device === access.device) {
      faults.push({ path: 'interfaces.access.device', text: `"${wan.device}" is the wan NIC already` });
    }
    if (wan.mac !== undefined && wan.mac.toLowerCase() === access.mac?.toLowerCase()) {
      faults.push({ path: 'interfaces.access.mac', text: `"${wan.mac}" is the wan NIC already` });
    }
  }
  for (const [index, address] of access.addresses.entries()) {
    const twin = wan.addresses.find((one) => isSame(bare(one), bare(address)));
    if (twin === undefined) continue;
    faults.push({
      path: `interfaces.access.addresses[${index}]`,
      text: `${bare(address)} is an address of wan already`,
    });
  }
}

function checkNic(path: string, nic: Nic, faults: ConfigFault[]): void {
  if (nic.device === undefined && nic.mac === undefined && nic.path === undefined) {
    faults.push({ path, text: 'needs device, mac or path: which NIC is it?' });
  }
  for (const [index, { prefix, via }] of nic.routes.entries()) {
    const fault = routeFault(nic, prefix, via);
    if (fault !== undefined) faults.push({ path: `${path}.routes[${index}].via`, text: fault });
  }
}

function routeFault(nic: Nic, prefix: string | undefined, via: string | undefined): string | undefined {
  if (prefix === undefined) return undefined;
  if (via === undefined) return 'is missing: by which gateway?';
  const isV6 = isIPv6(via);
  if (isV6 !== prefix.includes(':')) return `${via} is of another family than ${prefix}`;
  if (nic.addresses.some((address) => isSame(bare(address), via)))
    return `${via} is an address of this NIC itself`;
  // Addresses that come by themselves are not known here, and a NIC without any configured keeps those it has.
  const known = nic.addresses.filter((address) => address.includes(':') === isV6);
  const comesByItself = isV6 || nic.dhcp4;
  if (known.length === 0 || comesByItself || known.some((address) => holds(address, via))) return undefined;
  return `${via} is in no subnet of ${known.join(', ')}`;
}

function holds(subnet: string, address: string): boolean {
  const [network = '', length] = subnet.split('/');
  const family = isIPv6(network) ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  list.addSubnet(network, Number(length), family);
  return list.check(address, family);
}

const bare = (address: string): string => address.split('/')[0] ?? '';

function isSame(a: string, b: string): boolean {
  return isIPv6(a) === isIPv6(b) && holds(`${a}/${isIPv6(a) ? 128 : 32}`, b);
}
