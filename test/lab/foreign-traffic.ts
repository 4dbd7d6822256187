import type { Host } from '../../src/demo/world/index.ts';

/** What a host on the access side does with an origin besides RTSP. */
export class ForeignTraffic {
  readonly #host: Host;
  readonly #origin: string;

  /** `origin` is its address. */
  constructor(host: Host, origin: string) {
    this.#host = host;
    this.#origin = origin;
  }

  /** The body of a page. */
  page(port: number, scheme: 'http' | 'https' = 'http'): Promise<string> {
    const url = `${scheme}://${this.#authority(port)}/hello`;
    return this.#host.run('curl', ['--silent', '--show-error', '--insecure', '--max-time', '8', url]);
  }

  /** SHA-256 of a transfer, hexadecimal. */
  async transfer(port: number): Promise<string> {
    const command = `curl --silent --show-error --max-time 100 http://${this.#authority(port)}/file | sha256sum`;
    return (await this.#host.run('sh', ['-c', command], { timeoutMs: 110_000 })).slice(0, 64);
  }

  /** How many of `count` echo requests were answered. */
  async pings(count: number): Promise<number> {
    const out = await this.#host.run('ping', ['-n', '-c', `${count}`, '-i', '0.1', '-W', '2', this.#origin]);
    return Number(/(\d+) received/.exec(out)?.[1]);
  }

  /** What a server that speaks first said, and what it said to `line`. */
  async greeting(port: number, line: string): Promise<string[]> {
    const script = [
      `exec 3<>/dev/tcp/${this.#origin}/${port}`,
      'read -r -t 8 greeting <&3',
      `printf '%s\\r\\n' '${line}' >&3`,
      'read -r -t 8 answer <&3',
      `printf '%s\\n' "$greeting" "$answer"`,
    ];
    const out = await this.#host.run('bash', ['-c', script.join('\n')]);
    return out.split(/\r?\n/).filter(Boolean);
  }

  #authority(port: number): string {
    return this.#origin.includes(':') ? `[${this.#origin}]:${port}` : `${this.#origin}:${port}`;
  }
}
