import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, WeirError } from '#base';

/** No path, and nothing that hides. */
const fileName = /^[A-Za-z0-9][\w.-]{0,63}$/;

/** Configurations that somebody put aside under a name, with their secrets: only the box itself reads the files. */
export class SavedConfigurations {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async names(): Promise<readonly string[]> {
    const names = await readdir(this.#folder).catch(() => []);
    return names.filter((name) => fileName.test(name) && !name.endsWith('.new')).toSorted();
  }

  /** In the place of what the name stood for before; a power cut leaves the one or the other. */
  async save(name: string, text: string): Promise<{ readonly file: string }> {
    const file = join(this.#folder, checked(name));
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await writeFile(`${file}.new`, text, { mode: 0o600, flush: true });
      await rename(`${file}.new`, file);
    } catch (cause) {
      throw new WeirError('CONFIG_NOT_STORED', `${name} could not be written: ${describeError(cause)}`, {
        cause,
      });
    }
    return { file };
  }

  async read(name: string): Promise<string> {
    try {
      return await readFile(join(this.#folder, checked(name)), 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
      throw new WeirError('CONFIG_UNREADABLE', `nothing was saved as ${name}`, {
        advice: `there are ${(await this.names()).join(', ') || 'none'}`,
      });
    }
  }
}

function checked(name: string): string {
  if (fileName.test(name) && !name.endsWith('.new')) return name;
  throw new WeirError('USAGE', `"${name.slice(0, 80)}" is no name of a file`, {
    advice: 'letters, digits, dots, hyphens; no folders',
  });
}
