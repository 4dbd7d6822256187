import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Closeable } from '#base';
import type { Host } from '../../src/demo/world/index.ts';
import { Program } from '../lab/program.ts';
import type { Identity } from '../lab/upload/certificates.ts';
import type { Note } from './books.ts';

const script = fileURLToPath(new URL('collector-process.ts', import.meta.url));

type Told = Record<'listening' | 'away' | 'taken', number>;

/** The storm's collector: a process that is never killed, and the file in which it notes what it takes. */
export class StormCollector implements Closeable {
  readonly #program: Program;
  readonly #file: string;
  readonly #told: Told;

  private constructor(program: Program, file: string, told: Told) {
    this.#program = program;
    this.#file = file;
    this.#told = told;
  }

  static async start(
    host: Host,
    options: {
      readonly folder: string;
      /** Plain HTTP without. */
      readonly identity?: Identity;
      /** Only the host itself reaches it unless given. */
      readonly address?: string;
      readonly port: number;
      readonly seed: number;
    },
  ): Promise<StormCollector> {
    const { ca = '', cert = '', key = '' } = options.identity?.files ?? {};
    const { address = '127.0.0.1' } = options;
    const file = join(options.folder, 'collector.jsonl');
    const told: Told = { listening: 0, away: 0, taken: 0 };
    const onLine = (line: string) => {
      if (line === 'listening' || line === 'away') told[line] += 1;
      else if (line.startsWith('taken ')) told.taken = Number(line.slice('taken '.length));
    };
    const args = [ca, cert, key, address, String(options.port), file, String(options.seed)];
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

  /** How many records it took so far, as far as it was told of. */
  get taken(): number {
    return this.#told.taken;
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
