/** What dhcpcd's hook left: one NAME=VALUE a line (dhcpcd-run-hooks(8)). */

import { formatIp, parseIp } from '../ip-address.ts';
import type { DhcpFamily, Lease } from '../nics.ts';

/** After these there is a lease, told by the variables new_*. */
const bound = /^(BOUND|RENEW|REBIND|REBOOT|TIMEOUT|RECONFIGURE|DELEGATED)6?$|^(EXTEND|INFORM)6$/;

/**
 * The lease that an event tells of; undefined: there is none. What a server says is checked like any input: names and
 * addresses that are none are left out.
 */
export function parseLease(text: string, family: DhcpFamily, obtainedAt: number): Lease | undefined {
  const told = new Map(
    text.split('\n').flatMap((line) => {
      const [, name, value] = /^([a-z0-9_]+)=(.*)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value] as const];
    }),
  );
  if (!bound.test(told.get('reason') ?? '')) return undefined;
  const address = family === 4 ? addressV4(told) : addressV6(told);
  if (address === undefined) return undefined;
  const [nameServers, routers] =
    family === 4
      ? [ips(told.get('new_domain_name_servers')), ips(told.get('new_routers'))]
      : [ips(told.get('new_dhcp6_name_servers')), []];
  const seconds = told.get(family === 4 ? 'new_dhcp_lease_time' : 'new_dhcp6_ia_na1_ia_addr1_vltime');
  const server = ips(told.get('new_dhcp_server_identifier'))[0];
  return { family, address, server, routers, nameServers, obtainedAt, seconds: lifetime(seconds) };
}

function addressV4(told: ReadonlyMap<string, string>): string | undefined {
  const [address] = ips(told.get('new_ip_address'));
  const length = Number(told.get('new_subnet_cidr'));
  return address !== undefined && length >= 1 && length <= 32 ? `${address}/${length}` : undefined;
}

/** An address of DHCPv6 has no prefix: what is on the link, routers say (RFC 8415 s.18.2.10.1). */
function addressV6(told: ReadonlyMap<string, string>): string | undefined {
  const [address] = ips(told.get('new_dhcp6_ia_na1_ia_addr1'));
  return address && `${address}/128`;
}

/** All ones is for ever (RFC 2131 s.3.3, RFC 8415 s.7.7). */
const lifetime = (text: string | undefined): number | undefined => {
  const seconds = Number(text);
  return Number.isInteger(seconds) && seconds >= 0 && seconds < 0xffffffff ? seconds : undefined;
};

const ips = (text: string | undefined): readonly string[] =>
  (text ?? '').split(/\s+/).flatMap((word) => {
    const bytes = parseIp(word);
    return bytes ? [formatIp(bytes)] : [];
  });
