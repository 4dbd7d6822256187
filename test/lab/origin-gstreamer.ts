import { fileURLToPath } from 'node:url';
import type { Host } from '../../src/demo/world/index.ts';
import { Program } from './program.ts';

export interface GstreamerOriginOptions {
  readonly port: number;
  readonly path: string;
  readonly auth: 'none' | 'basic' | 'digest';
  /** Passwords by user name. */
  readonly users: Readonly<Record<string, string>>;
  readonly realm: string;
  readonly transports: readonly ('udp' | 'tcp')[];
  readonly sessionTimeoutSeconds: number;
  readonly audio: 'opus' | 'aac' | 'none';
  readonly videoKbps: number;
  /** Pictures from one key picture to the next, at 25 a second. */
  readonly keyInterval: number;
}

const defaults: Omit<GstreamerOriginOptions, 'port'> = {
  path: '/live',
  auth: 'none',
  users: {},
  realm: 'lab',
  transports: ['udp', 'tcp'],
  sessionTimeoutSeconds: 20,
  audio: 'opus',
  videoKbps: 500,
  keyInterval: 30,
};

/** What the origin tells of itself. `method` goes with `request`. */
export interface GstreamerOriginEvent {
  readonly event: 'listening' | 'connected' | 'request' | 'session' | 'session-removed' | 'closed' | 'media';
  readonly client?: number;
  readonly peer?: string;
  readonly method?: string;
  readonly session?: string;
  readonly body?: string;
}

/** GStreamer's RTSP server on a host: H.264 (and sound) as one shared live presentation. */
export class GstreamerOrigin implements AsyncDisposable {
  readonly events: readonly GstreamerOriginEvent[];
  readonly #program: Program;

  private constructor(program: Program, events: readonly GstreamerOriginEvent[]) {
    this.#program = program;
    this.events = events;
  }

  static async start(
    host: Host,
    options: Partial<GstreamerOriginOptions> & { port: number },
  ): Promise<GstreamerOrigin> {
    const script = fileURLToPath(new URL('origin-gstreamer.py', import.meta.url));
    const json = JSON.stringify({ ...defaults, ...options });
    const events: GstreamerOriginEvent[] = [];
    const onLine = (line: string) => {
      if (line.startsWith('{"event"')) events.push(JSON.parse(line));
    };
    const program = await Program.start(host, ['/usr/bin/python3', script, json], { onLine });
    await program.until(() => events.length > 0, 10_000, 'listening');
    return new GstreamerOrigin(program, events);
  }

  /** How often clients asked for `method` since event number `from`. */
  requests(method: string, from = 0): number {
    return this.events.slice(from).filter((told) => told.event === 'request' && told.method === method)
      .length;
  }

  /** Waits for the origin to have told enough. */
  until(
    reached: (events: readonly GstreamerOriginEvent[]) => boolean,
    withinMs: number,
    what: string,
  ): Promise<void> {
    return this.#program.until(() => reached(this.events), withinMs, what);
  }

  close(): Promise<void> {
    return this.#program.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
