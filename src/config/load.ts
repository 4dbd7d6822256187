import { readFile } from 'node:fs/promises';
import { WeirError } from '#base';
import { parseConfig } from './parse.ts';
import type { Config } from './tree.ts';

/**
 * Reads and parses a configuration file.
 *
 * @throws {WeirError} CONFIG_UNREADABLE (no such file, no JSON), CONFIG_BAD_VALUE.
 */
export async function loadConfig(file: string): Promise<Config> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new WeirError('CONFIG_UNREADABLE', `cannot read the configuration ${file}: ${codeOf(cause)}`, {
      cause,
      advice: 'name an existing file with --config',
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new WeirError('CONFIG_UNREADABLE', `${file} is not JSON: ${(cause as Error).message}`, {
      cause,
      advice: 'mend the file',
    });
  }
  return parseConfig(value);
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);
