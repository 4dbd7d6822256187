import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Host } from '../../src/demo/world/index.ts';
import { Program } from './program.ts';

export interface WebOriginOptions {
  readonly httpPorts: readonly number[];
  readonly tlsPort: number;
  /** Here the server speaks first. */
  readonly greetingPorts: readonly number[];
  /** Holds the certificate and the file to transfer. */
  readonly folder: string;
}

interface WebOriginEvent {
  readonly event: 'listening' | 'request';
  readonly url?: string;
  readonly peer?: string;
}

/** HTTP, TLS and a server-first protocol on a host; and one file that is not compressible. */
export class WebOrigin implements AsyncDisposable {
  readonly events: readonly WebOriginEvent[];
  /** SHA-256 of the file at `/file`, hexadecimal. */
  readonly fileSha256: string;
  readonly #program: Program;
  readonly #folder: string;

  private constructor(facts: {
    program: Program;
    events: readonly WebOriginEvent[];
    folder: string;
    fileSha256: string;
  }) {
    this.#program = facts.program;
    this.events = facts.events;
    this.#folder = facts.folder;
    this.fileSha256 = facts.fileSha256;
  }

  static async start(
    host: Host,
    options: Omit<WebOriginOptions, 'folder'> & { fileBytes: number },
  ): Promise<WebOrigin> {
    const { fileBytes, ...served } = options;
    const folder = await mkdtemp(join(tmpdir(), 'weir-web-'));
    const certificate = `openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=origin
      -keyout ${folder}/key.pem -out ${folder}/cert.pem`.replaceAll('\n', ' ');
    await host.run('sh', ['-c', certificate]);
    const cipher = 'openssl enc -aes-128-ctr -nosalt -pass pass:lab -pbkdf2 < /dev/zero 2>/dev/null';
    const make = `${cipher} | head -c ${fileBytes} | tee ${folder}/file | sha256sum`;
    const fileSha256 = (await host.run('sh', ['-c', make])).slice(0, 64);
    const script = fileURLToPath(new URL('origin-web-process.ts', import.meta.url));
    const json = JSON.stringify({ ...served, folder });
    const events: WebOriginEvent[] = [];
    const onLine = (line: string) => {
      if (line.startsWith('{"event"')) events.push(JSON.parse(line));
    };
    const program = await Program.start(host, [process.execPath, script, json], { onLine });
    await program.until(() => events.length > 0, 10_000, 'listening');
    return new WebOrigin({ program, events, folder, fileSha256 });
  }

  async close(): Promise<void> {
    await this.#program.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
