import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { describeError } from '#base';
import { tarArchive } from './tar.ts';

export interface SupportBundle {
  readonly file: string;
  readonly bytes: number;
  readonly entries: readonly string[];
  /** All of it; null unless it was asked for. */
  readonly base64: string | null;
}

export interface BundleParts {
  /** By file name: text as it is, anything else as JSON. One that fails is in the bundle with its error. */
  readonly parts: Readonly<Record<string, () => unknown>>;
  /** Values that must be nowhere in the bundle. */
  readonly secrets: readonly string[];
  readonly folder: string;
  readonly nowMs: number;
  /** Whoever asks has no other way to get it than what the console shows. */
  readonly print: boolean;
}

/** So many are kept; the oldest go. */
const mostBundles = 3;
/** Of one entry: the disk holds records, too. */
const mostEntryBytes = 8 << 20;
const mask = '********';
/** One of a letter or two would blacken the whole text, and hides nobody. */
const shortestSecret = 3;

/**
 * Writes all that a support engineer asks for into one file of the data folder, `support/weir-support-TIME.tar.gz`. Secrets are
 * shown nowhere, also where they got into by accident: into a line of the log, or the user information of a URL.
 */
export async function writeSupportBundle({
  parts,
  secrets,
  folder,
  nowMs,
  print,
}: BundleParts): Promise<SupportBundle> {
  const hide = hider(secrets);
  const entries: { name: string; content: Buffer }[] = [];
  for (const [name, read] of Object.entries(parts)) {
    const text = await textOf(read);
    entries.push({ name, content: Buffer.from(hide(text)).subarray(0, mostEntryBytes) });
  }
  const bytes = await promisify(gzip)(tarArchive(entries, nowMs));
  const place = join(folder, 'support');
  await mkdir(place, { recursive: true, mode: 0o700 });
  const file = join(place, `weir-support-${new Date(nowMs).toISOString().replace(/[:.]/g, '-')}.tar.gz`);
  await writeWhole(file, bytes);
  const old = (await readdir(place)).filter((name) => name.startsWith('weir-support-')).sort();
  for (const name of old.slice(0, -mostBundles)) await rm(join(place, name), { force: true });
  const names = entries.map(({ name }) => name);
  return { file, bytes: bytes.length, entries: names, base64: print ? bytes.toString('base64') : null };
}

async function textOf(read: () => unknown): Promise<string> {
  try {
    const told = await read();
    return typeof told === 'string' ? told : `${JSON.stringify(told, undefined, 2)}\n`;
  } catch (error) {
    return `not available: ${describeError(error)}\n`;
  }
}

/** A secret stands in JSON as JSON writes it, and in a URL percent-encoded. The longest go first: one may hold another. */
function hider(secrets: readonly string[]): (text: string) => string {
  const forms = secrets
    .filter((secret) => secret.length >= shortestSecret)
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]);
  const longestFirst = [...new Set(forms)].sort((a, b) => b.length - a.length);
  return (text) =>
    longestFirst
      .reduce((shown, form) => shown.replaceAll(form, mask), text)
      .replace(/:\/\/[^/\s"'@]+@/g, `://${mask}@`);
}

async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  await using handle = await open(`${file}.new`, 'w', 0o600);
  await handle.writeFile(bytes);
  await handle.sync();
  await rename(`${file}.new`, file);
}
