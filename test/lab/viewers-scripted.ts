import { fileURLToPath } from 'node:url';
import type { Host } from '../../src/demo/world/index.ts';
import { Program } from './program.ts';
import {
  type ScriptedViewersCommand,
  type ScriptedViewersEvent,
  type ScriptedViewersOptions,
  scriptedViewersDefaults,
  type ViewerCounts,
} from './viewers-scripted-options.ts';

type Kind = ScriptedViewersEvent['event'];
type Told<K extends Kind> = Extract<ScriptedViewersEvent, { event: K }>;

/** Any number of viewers in one process on one host; they count packets and decode nothing. */
export class ScriptedViewers implements AsyncDisposable {
  readonly program: Program;
  readonly #events: readonly ScriptedViewersEvent[];
  readonly #size: number;

  private constructor(program: Program, events: readonly ScriptedViewersEvent[], size: number) {
    this.program = program;
    this.#events = events;
    this.#size = size;
  }

  /** They dial the URL's host unless told otherwise. */
  static async start(
    host: Host,
    options: Partial<ScriptedViewersOptions> & { url: string; sources: readonly string[] },
  ): Promise<ScriptedViewers> {
    const { hostname, port } = new URL(options.url);
    const dial = { address: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 554) };
    const script = fileURLToPath(new URL('viewers-scripted-process.ts', import.meta.url));
    const json = JSON.stringify({ ...scriptedViewersDefaults, dial, ...options });
    const events: ScriptedViewersEvent[] = [];
    const onLine = (line: string) => {
      if (line.startsWith('{"event"')) events.push(JSON.parse(line));
    };
    const program = await Program.start(host, [process.execPath, script, json], { onLine });
    return new ScriptedViewers(program, events, options.sources.length);
  }

  /** All that was told of this kind so far. */
  told<K extends Kind>(kind: K): Told<K>[] {
    return this.#events.filter((told): told is Told<K> => told.event === kind);
  }

  /** Waits until all viewers play or were refused; the status of each: 200, the refusal, 0 for a closed connection. */
  async settled(withinMs: number): Promise<number[]> {
    const all = () => this.told('settled');
    await this.program.until(() => all().length >= this.#size, withinMs, 'every viewer plays or was refused');
    return all()
      .sort((a, b) => a.viewer - b.viewer)
      .map(({ status }) => status);
  }

  /** Waits until `count` of them (all unless given) have got media. */
  async watching(withinMs: number, count = this.#size): Promise<void> {
    await this.program.until(() => this.told('media').length >= count, withinMs, `media at ${count} viewers`);
  }

  /** What each has received until now. */
  async counts(): Promise<readonly ViewerCounts[]> {
    const before = this.told('counts').length;
    this.command({ command: 'count' });
    await this.program.until(() => this.told('counts').length > before, 30_000, 'its counts');
    return this.told('counts').at(-1)?.counts ?? [];
  }

  /** Ends them (all unless given) with TEARDOWN and waits for the answers. */
  async teardown(viewers?: readonly number[]): Promise<void> {
    const goal = this.told('ended').length + (viewers?.length ?? this.#size);
    this.command({ command: 'teardown', ...(viewers && { viewers }) });
    await this.program.until(() => this.told('ended').length >= goal, 10_000, 'the answers to TEARDOWN');
  }

  command(command: ScriptedViewersCommand): void {
    this.program.write(`${JSON.stringify(command)}\n`);
  }

  close(): Promise<void> {
    return this.program.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
