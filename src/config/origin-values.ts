import { isIP, SocketAddress } from 'node:net';
import { splitEndpoint } from './forms.ts';
import type { Config } from './tree.ts';

/** What `relay.origins` says about this origin; an entry for the port counts before one for the whole address. */
export function originEntry(
  { relay }: Config,
  origin: { readonly address: string; readonly port: number },
): Config['relay']['origins'][number] | undefined {
  const fitting = relay.origins
    .map((entry) => ({ entry, ...splitEndpoint(entry.address) }))
    .filter(({ address, port }) => (port ?? origin.port) === origin.port && isSame(address, origin.address));
  return (fitting.find(({ port }) => port !== undefined) ?? fitting[0])?.entry;
}

/** A person may write an IPv6 address in other ways than the kernel does (RFC 5952). */
function isSame(written: string, canonical: string): boolean {
  const family = isIP(written) === 6 ? 'ipv6' : 'ipv4';
  return written === canonical || new SocketAddress({ address: written, family }).address === canonical;
}
