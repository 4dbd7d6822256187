import { fileURLToPath } from 'node:url';
import type { Closeable } from '#base';
import type { Host } from '../../src/demo/world/index.ts';
import { Program } from '../lab/program.ts';
import type {
  StormSession,
  StormViewersCommand,
  StormViewersEvent,
  StormViewersOptions,
} from './viewers-options.ts';

const script = fileURLToPath(new URL('viewers-process.ts', import.meta.url));

/** The storm's viewers, and what each has got: the only witness of what was on the wire. */
export class StormViewers implements Closeable {
  /** Of viewers that have ended. */
  readonly sessions: StormSession[] = [];
  readonly #program: Program;
  readonly #told: { quiet: number; dropped: number };

  private constructor(program: Program, sessions: StormSession[], told: { quiet: number; dropped: number }) {
    this.#program = program;
    this.sessions = sessions;
    this.#told = told;
  }

  static async start(host: Host, options: StormViewersOptions): Promise<StormViewers> {
    const sessions: StormSession[] = [];
    const told = { quiet: 0, dropped: 0 };
    const onLine = (line: string) => {
      if (!line.startsWith('{"event"')) return;
      const event: StormViewersEvent = JSON.parse(line);
      if (event.event === 'session') sessions.push(event.session);
      else if (event.event === 'dropped') told.dropped = event.packets;
      else told.quiet += 1;
    };
    const argv = [process.execPath, script, JSON.stringify(options)] as const;
    return new StormViewers(await Program.start(host, [...argv], { onLine }), sessions, told);
  }

  /** From now on so many watch at the same time, and come and go. */
  come(atOnce: number): void {
    this.#command({ atOnce, steady: false });
  }

  /** Everybody leaves; then so many come, and stay. */
  settle(atOnce: number): void {
    this.#command({ atOnce, steady: true });
  }

  /** Everybody leaves. Resolves when all is told of them; how many packets their kernel had no room for. */
  leave(withinMs = 30_000): Promise<{ droppedPackets: number }> {
    return this.#gone({ atOnce: 0, steady: true }, withinMs);
  }

  /** The same without a word to the box, which is not there. */
  giveUp(): Promise<{ droppedPackets: number }> {
    return this.#gone({ atOnce: 0, steady: true, unanswered: true }, 30_000);
  }

  async #gone(command: StormViewersCommand, withinMs: number): Promise<{ droppedPackets: number }> {
    const before = this.#told.quiet;
    this.#command(command);
    await this.#program.until(() => this.#told.quiet > before, withinMs, 'all viewers have left');
    return { droppedPackets: this.#told.dropped };
  }

  #command(command: StormViewersCommand): void {
    this.#program.write(`${JSON.stringify(command)}\n`);
  }

  close(): Promise<void> {
    return this.#program.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
