import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LedPattern, Leds } from '../leds.ts';
import type { RootVerbs } from '../root-verbs.ts';

/** The kernel's LED class. Who may light them is root; a verb does it. */
export class LinuxLeds implements Leds {
  readonly #sys: string;
  readonly #rootVerbs: RootVerbs;

  constructor(options: { rootVerbs: RootVerbs; sys?: string }) {
    this.#rootVerbs = options.rootVerbs;
    this.#sys = options.sys ?? '/sys';
  }

  async list(): Promise<readonly string[]> {
    return (await readdir(join(this.#sys, 'class', 'leds')).catch(() => [])).sort();
  }

  async show(name: string, pattern: LedPattern): Promise<void> {
    await this.#rootVerbs.run('led', [name, pattern]);
  }
}
