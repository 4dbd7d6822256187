import { fileURLToPath } from 'node:url';
import type { Host } from '../../src/demo/world/index.ts';
import {
  type ScriptedOriginEvent,
  type ScriptedOriginOptions,
  scriptedOriginDefaults,
} from './origin-scripted-options.ts';
import { Program } from './program.ts';

type Request = Extract<ScriptedOriginEvent, { event: 'request' }>;

/** An RTSP origin that does what real ones seldom do; see its options. Its media is no picture, only packets. */
export class ScriptedOrigin implements AsyncDisposable {
  readonly events: readonly ScriptedOriginEvent[];
  readonly #program: Program;

  private constructor(program: Program, events: readonly ScriptedOriginEvent[]) {
    this.#program = program;
    this.events = events;
  }

  static async start(
    host: Host,
    options: Partial<ScriptedOriginOptions> & { port: number },
  ): Promise<ScriptedOrigin> {
    const script = fileURLToPath(new URL('origin-scripted-process.ts', import.meta.url));
    const json = JSON.stringify({ ...scriptedOriginDefaults, ...options });
    const events: ScriptedOriginEvent[] = [];
    const onLine = (line: string) => {
      if (line.startsWith('{"event"')) events.push(JSON.parse(line));
    };
    const program = await Program.start(host, [process.execPath, script, json], { onLine });
    await program.until(() => events.length > 0, 10_000, 'listening');
    return new ScriptedOrigin(program, events);
  }

  /** The requests of `method` since event number `from`. */
  requests(method: string, from = 0): Request[] {
    return this.events
      .slice(from)
      .filter((told): told is Request => told.event === 'request' && told.method === method);
  }

  /**
   * Those who asked it for something themselves since event number `from`. Who only connected is none of them: Weir opens a connection in the name of a viewer that has
   * been silent for two seconds, in case that the origin is to speak first.
   */
  askedBy(isOne: (address: string) => boolean, from = 0): readonly string[] {
    const events = this.events.slice(from);
    const asking = new Set(events.flatMap((told) => (told.event === 'request' ? [told.connection] : [])));
    return events.flatMap((told) =>
      told.event === 'connected' && asking.has(told.connection) && isOne(told.peer) ? [told.peer] : [],
    );
  }

  /** Closes every client's connection, as an origin that restarts does. */
  closeConnections(): void {
    this.#program.write('close-connections\n');
  }

  until(
    reached: (events: readonly ScriptedOriginEvent[]) => boolean,
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
