/** A DHCP server and router in the network namespace of a peer: dnsmasq. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Peer } from './network-world.ts';

export class DhcpServer implements AsyncDisposable {
  readonly #child: ChildProcess;
  #log = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
    });
  }

  /** `options`: of dnsmasq(8), without their dashes. Resolves when it serves. */
  static async start(peer: Peer, leases: string, ...options: readonly string[]): Promise<DhcpServer> {
    const base = [
      'no-daemon',
      'conf-file=/dev/null',
      'no-resolv',
      'no-hosts',
      'port=0',
      'log-dhcp',
      'no-ping',
    ];
    const bound = ['interface=eth0', 'bind-interfaces', 'dhcp-authoritative', `dhcp-leasefile=${leases}`];
    const args = [...base, ...bound, ...options].map((option) => `--${option}`);
    const child = spawn('nsenter', ['-t', String(peer.pid), '-n', 'dnsmasq', ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const server = new DhcpServer(child);
    await server.logs(/sockets bound exclusively|DHCP, IP range|started/);
    return server;
  }

  /** Resolves when what it has logged so far matches. */
  async logs(wanted: RegExp): Promise<void> {
    while (!wanted.test(this.#log)) {
      if (this.#child.exitCode !== null) throw new Error(`dnsmasq ended: ${this.#log}`);
      await once(this.#child.stderr as NodeJS.ReadableStream, 'data');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
