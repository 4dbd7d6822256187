import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../../image/program.ts';
import type { Host } from '../../../src/demo/world/index.ts';

/** From now on the gateway's NIC toward the IP network has it as that VLAN only: what is not tagged so goes no further. */
export async function makeTrunk(box: Host, vlan: number): Promise<void> {
  const [network, port] = ['wan0', 'tap-wan0'] as const;
  const indexOf = async (device: string): Promise<number> => {
    const [link] = JSON.parse(await box.ip('-json', 'link', 'show', 'dev', device)) as { ifindex: number }[];
    return link?.ifindex ?? Number.NaN;
  };
  const folder = mkdtempSync(join(tmpdir(), 'weir-trunk-'));
  try {
    const program = join(folder, 'trunk.o');
    const facts = [`VLAN=${vlan}`, `PORT=${await indexOf(port)}`, `NETWORK=${await indexOf(network)}`];
    const source = join(import.meta.dirname, 'trunk.c');
    const headers = `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
    const words = ['-target', 'bpf', '-O2', `-I${headers}`, ...facts.map((fact) => `-D${fact}`)];
    await run('clang', [...words, '-c', source, '-o', program]);
    for (const [device, section] of [
      [network, 'tc_to_port'],
      [port, 'tc_to_network'],
    ] as const) {
      await box.ip('link', 'set', device, 'nomaster');
      await box.run('tc', ['qdisc', 'add', 'dev', device, 'clsact']);
      // tc loads nothing without this file system, though it has nothing to keep there; `ip netns exec` mounts /sys for each command anew.
      const filter = `tc filter add dev ${device} ingress bpf direct-action object-file ${program} section ${section}`;
      await box.run('sh', ['-c', `mount -t bpf bpf /sys/fs/bpf && ${filter}`]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
