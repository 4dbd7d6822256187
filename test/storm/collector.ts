import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Closeable } from '#base';
import type { Host } from '../../src/demo/world/index.ts';
import { Program } from '../lab/program.ts';
import type { Identity } from '../lab/upload/certificates.ts';
import type { Note } from './books.ts';

const script = fileURLToPath(new URL('collector-process.ts', import.meta.url));

/** The storm's collector: a process that is never killed, and the file in which it notes what it takes. */
export class StormCollector implements Closeable {
  readonly #program: Program;
  readonly #file: string;
  readonly #told: Record<'listening' | 'away', number>;

  private constructor(program: Program, file: string, told: Record<'listening' | 'away', number>) {
    this.#program = program;
    this.#file = file;
    this.#told = told;
  }

  static async start(
    host: Host,
    options: { folder: string; identity: Identity; port: number; seed: number },
  ): Promise<StormCollector> {
    const { ca, cert, key } = options.identity.files;
    const file = join(options.folder, 'collector.jsonl');
    const told = { listening: 0, away: 0 };
    const onLine = (line: string) => {
      if (line === 'listening' || line === 'away') told[line] += 1;
    };
    const args = [ca, cert, key, String(options.port), file, String(options.seed)];
    const program = await Program.start(host, [process.execPath, script, ...args], { onLine });
    await program.until(() => told.listening === 1, 10_000, 'listening');
    return new StormCollector(program, file, told);
  }

  /** Fails now and then, in the ways collectors do, or no more. */
  mood(mood: 'moody' | 'steady'): void {
    this.#program.write(`${mood}\n`);
  }

  async go(where: 'away' | 'back'): Promise<void> {
    const what = where === 'away' ? 'away' : 'listening';
    const before = this.#told[what];
    this.#program.write(`${where}\n`);
    await this.#program.until(() => this.#told[what] > before, 10_000, what);
  }

  /** All it took so far, oldest first; as often as it got it. */
  notes(): readonly Note[] {
    const text = readFileSync(this.#file, 'utf8');
    const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
    return lines.filter(Boolean).map((line) => JSON.parse(line));
  }

  close(): Promise<void> {
    return this.#program.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
