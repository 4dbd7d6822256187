import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { WeirError } from '#base';

export interface ImageOptions {
  /** Renew the lock of Debian packages, and build nothing. */
  readonly updateLock: boolean;
  /** When the archive has no more what is locked: say so, and build with what it has, without writing that down. */
  readonly renewIfDrifted: boolean;
  /** Build a second time, elsewhere, and compare. */
  readonly verify: boolean;
  /** Name of a package → folder that takes its place. */
  readonly replaced: ReadonlyMap<string, string>;
  readonly keys: string | undefined;
  readonly debs: string | undefined;
  readonly out: string | undefined;
  /** In the place of package.json's version. */
  readonly version: string | undefined;
}

export const usage = `usage: npm run image [-- OPTION...]
  --update-lock        write down the newest packages of the Debian archive, and build nothing
  --renew-if-drifted   when the archive has no more what is locked, build with what it has
  --debs DIR           take packages from here when the archive has them no more
  --keys DIR           sign with signing.key.pem and signing.cert.pem, trust keyring.pem
  --replace PKG=DIR    put DIR in the place of a package, npm's or Debian's
  --version VERSION    not that of package.json
  --out DIR            write here instead of into dist
  --verify             build twice, the second time elsewhere, and compare`;

export function parseOptions(args: readonly string[]): ImageOptions {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(args);
  } catch (error) {
    throw new WeirError('USAGE', (error as Error).message);
  }
  const replaced = (values.replace ?? []).map((text) => {
    const [name = '', ...folder] = text.split('=');
    if (name === '' || folder.length === 0)
      throw new WeirError('USAGE', `--replace wants PKG=DIR, not ${text}`);
    return [name, resolve(folder.join('='))] as const;
  });
  if (values.version !== undefined && !/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(values.version)) {
    throw new WeirError('USAGE', `--version wants something like 1.2.3, not ${values.version}`);
  }
  return {
    updateLock: values['update-lock'] ?? false,
    renewIfDrifted: values['renew-if-drifted'] ?? false,
    verify: values.verify ?? false,
    replaced: new Map(replaced),
    keys: values.keys && resolve(values.keys),
    debs: values.debs && resolve(values.debs),
    out: values.out && resolve(values.out),
    version: values.version,
  };
}

const parse = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    strict: true,
    options: {
      'update-lock': { type: 'boolean' },
      'renew-if-drifted': { type: 'boolean' },
      verify: { type: 'boolean' },
      replace: { type: 'string', multiple: true },
      keys: { type: 'string' },
      debs: { type: 'string' },
      out: { type: 'string' },
      version: { type: 'string' },
    },
  }).values;
