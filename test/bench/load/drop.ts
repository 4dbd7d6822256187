import type { Host } from '../../../src/demo/world/index.ts';
import { droppedBlock } from './viewer-addresses.ts';

/** IP packets and bytes, headers included. A segment that came whole (UDP_SEGMENT) counts as one packet. */
export interface DropCount {
  readonly packets: number;
  readonly bytes: number;
}

export interface MediaDrop {
  /** To the RTP ports, since the last call. */
  count(): Promise<DropCount>;
  remove(): Promise<void>;
}

const table = 'weir_bench';

/**
 * Counts and drops the media of all viewers in the dropped half of the block where it enters the host, before it costs
 * anything there. Their RTSP, which is TCP, passes.
 */
export async function dropMedia(host: Host, device: string): Promise<MediaDrop> {
  const rules = `
table netdev ${table} {
  counter media { }
  counter other { }
  chain ingress {
    type filter hook ingress device "${device}" priority 0;
    ip daddr ${droppedBlock.v4} udp dport & 1 == 0 counter name media drop
    ip6 daddr ${droppedBlock.v6} udp dport & 1 == 0 counter name media drop
    ip daddr ${droppedBlock.v4} meta l4proto udp counter name other drop
    ip6 daddr ${droppedBlock.v6} meta l4proto udp counter name other drop
  }
}
`;
  await host.run('nft', ['-f', '-'], { input: rules });
  return {
    count: async () => {
      const json = await host.run('nft', ['-j', 'reset', 'counter', 'netdev', table, 'media']);
      const { nftables } = JSON.parse(json) as { nftables: readonly { counter?: DropCount }[] };
      const { packets = 0, bytes = 0 } = nftables.find(({ counter }) => counter)?.counter ?? {};
      return { packets, bytes };
    },
    remove: async () => {
      await host.run('nft', ['delete', 'table', 'netdev', table]);
    },
  };
}
