/** Which name servers the programs of this machine ask. */
export interface Resolver {
  /** IP addresses of those of the configuration, which come before what DHCP brought. What it returns takes that back. */
  apply(servers: readonly string[]): Promise<() => Promise<void>>;
  /** All of them, in the order they are asked in. */
  readonly nameServers: readonly string[];
}
