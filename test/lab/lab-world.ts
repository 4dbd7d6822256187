import { createWorld, type Host, type World, type WorldOptions } from '../../src/demo/world/index.ts';

/**
 * A world in which captures count honestly: no link hands over several packets as one (segmentation offload), none
 * joins packets that arrived one by one (GRO). The viewers' address blocks can be bound to.
 */
export async function createLabWorld(options: WorldOptions = {}): Promise<World> {
  const world = await createWorld(options);
  const links: Array<readonly [Host, string]> = [
    [world.box, 'wan0'],
    [world.box, 'lan0'],
    ...[...world.origins, ...world.viewers].map(({ host }) => [host, 'eth0'] as const),
  ];
  await Promise.all([
    ...links.map(([host, device]) => separatePackets(host, device)),
    world.viewer.host.sysctl({ 'net/ipv6/ip_nonlocal_bind': 1 }),
  ]);
  return world;
}

/** Makes every packet on this link a packet of its own. */
export async function separatePackets(host: Host, device: string): Promise<void> {
  await host.offload(device, { gso: false, tso: false, gro: false, 'tx-udp-segmentation': false });
}
