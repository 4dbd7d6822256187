import type { Resolver } from '../resolver.ts';

/** Knows the name servers of the configuration. */
export class SimResolver implements Resolver {
  nameServers: readonly string[] = [];

  async apply(servers: readonly string[]): Promise<() => Promise<void>> {
    const before = this.nameServers;
    this.nameServers = servers;
    return async () => {
      this.nameServers = before;
    };
  }
}
