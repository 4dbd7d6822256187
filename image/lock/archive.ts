import { existsSync, globSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '#base';
import { architecture, packageUses, suite, unwanted, wanted } from '../packages.ts';
import { run } from '../program.ts';
import type { LockedPackage } from './package-lock.ts';

/** A package as the archive offers it. */
type Offer = Omit<LockedPackage, 'use'>;

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * Debian's archive of the image's release and architecture, asked by an apt that has everything to itself: lists, an empty
 * status, nothing of what is installed on this machine. Where the archive is, and by which proxy, this machine's apt knows.
 */
export class Archive {
  readonly #folder: string;
  readonly #config: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#config = join(folder, 'apt.conf');
  }

  /** Fetches the archive's lists into `folder`. */
  static async open(folder: string): Promise<Archive> {
    const archive = new Archive(folder);
    for (const made of ['etc/apt.conf.d', 'etc/preferences.d', 'lists/partial', 'cache/archives/partial'])
      mkdirSync(join(folder, made), { recursive: true });
    writeFileSync(join(folder, 'status'), '');
    writeFileSync(join(folder, 'etc', 'sources.list'), (await sources()).join('\n'));
    writeFileSync(archive.#config, await configuration(folder));
    await archive.#apt('apt-get', ['update', '-qq', '--error-on=any']);
    return archive;
  }

  /** The newest version of everything that is wanted, with what it needs. */
  async resolve(): Promise<readonly LockedPackage[]> {
    const resolved: LockedPackage[] = [];
    for (const use of packageUses) {
      const names =
        use === 'rootfs' ? await this.#withDependencies(wanted.rootfs) : await this.#themselves(wanted[use]);
      const offers = await this.offers(names.map(({ name }) => name));
      for (const { name, version } of names) {
        const offer = offers.find((entry) => entry.name === name && entry.version === version);
        if (offer === undefined)
          throw new WeirError('IMAGE_LOCK', `the archive does not describe ${name} ${version}`);
        resolved.push({ ...offer, use });
      }
    }
    return resolved;
  }

  /** All versions the archive has of these packages. */
  async offers(names: readonly string[]): Promise<readonly Offer[]> {
    const described = await this.#apt('apt-cache', ['show', ...names]);
    return described.split(/\n\n+/).flatMap((paragraph) => {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1] ?? '';
      const name = field('Package');
      if (name === '') return [];
      const bytes = Number(field('Size'));
      return [
        {
          name,
          version: field('Version'),
          architecture: field('Architecture'),
          sha256: field('SHA256'),
          bytes,
        },
      ];
    });
  }

  /** Fetches packages into `folder`, under the names that `name` gives them. */
  async download(packages: readonly Offer[], folder: string, name: (entry: Offer) => string): Promise<void> {
    const arriving = mkdtempSync(join(folder, 'arriving-'));
    try {
      const asked = packages.map((entry) => `${entry.name}=${entry.version}`);
      await this.#apt('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', ...asked], arriving);
      for (const entry of packages) {
        const [file] = globSync(`${entry.name}_*.deb`, { cwd: arriving });
        if (file === undefined) throw new WeirError('IMAGE_LOCK', `apt-get fetched no ${entry.name}`);
        renameSync(join(arriving, file), join(folder, name(entry)));
      }
    } finally {
      rmSync(arriving, { recursive: true });
    }
  }

  /** As apt would install them on a machine that has nothing. */
  async #withDependencies(names: readonly string[]): Promise<readonly { name: string; version: string }[]> {
    const plan = await this.#apt('apt-get', ['install', '--simulate', '-qq', ...names]);
    return [...plan.matchAll(/^Inst (\S+) \((\S+) /gm)]
      .map(([, name = '', version = '']) => ({ name: name.replace(/:.*$/, ''), version }))
      .filter(({ name }) => !unwanted.has(name));
  }

  /** The newest versions; for a kernel's meta package, the kernel it stands for. */
  async #themselves(names: readonly string[]): Promise<readonly { name: string; version: string }[]> {
    const found: { name: string; version: string }[] = [];
    for (const asked of names) {
      const depends = await this.#apt('apt-cache', ['depends', '--important', asked]);
      const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1] ?? asked;
      const version = /Candidate: (\S+)/.exec(await this.#apt('apt-cache', ['policy', name]))?.[1];
      if (version === undefined) throw new WeirError('IMAGE_LOCK', `the archive has no ${name}`);
      found.push({ name, version });
    }
    return found;
  }

  #apt(program: string, args: readonly string[], cwd = this.#folder): Promise<string> {
    return run(program, args, { cwd, env: { APT_CONFIG: this.#config, DEBIAN_FRONTEND: 'noninteractive' } });
  }
}

async function configuration(folder: string): Promise<string> {
  // How this machine reaches the network: proxies, retries.
  const ways = (await run('apt-config', ['dump'])).split('\n').filter((line) => line.startsWith('Acquire::'));
  return [
    ...ways,
    `Dir "${folder}";`,
    'Dir::Etc "etc";',
    'Dir::State "";',
    `Dir::State::lists "${folder}/lists";`,
    `Dir::State::status "${folder}/status";`,
    'Dir::Cache "cache";',
    `APT::Architecture "${architecture}";`,
    `#clear APT::Architectures;`,
    `APT::Architectures { "${architecture}"; };`,
    'APT::Install-Recommends "false";',
    'Acquire::Languages "none";',
    'APT::Sandbox::User "root";',
  ].join('\n');
}

/** The archives this machine takes Debian and its security updates from, for the image's release. */
async function sources(): Promise<readonly string[]> {
  if (!existsSync(keyring)) {
    throw new WeirError('MISSING_PROGRAM', `no ${keyring}`, { advice: 'npm run preimage' });
  }
  const targets = await run('apt-get', [
    'indextargets',
    '--format',
    '$(REPO_URI)|$(ORIGIN)|$(LABEL)|$(COMPONENT)',
    'Identifier: Packages',
  ]);
  const archive = (label: string) =>
    targets
      .split('\n')
      .map((line) => line.split('|'))
      .find((fields) => fields[1] === 'Debian' && fields[2] === label && fields[3] === 'main')?.[0];
  const main = archive('Debian');
  const security = archive('Debian-Security');
  if (main === undefined || security === undefined) {
    throw new WeirError(
      'IMAGE_LOCK',
      'the apt of this machine knows no archive of Debian and its security updates',
      {
        advice: 'build on a Debian machine, after `apt-get update`',
      },
    );
  }
  const line = (uri: string, release: string) =>
    `deb [arch=${architecture} signed-by=${keyring}] ${uri} ${release} main`;
  return [line(main, suite), line(main, `${suite}-updates`), line(security, `${suite}-security`), ''];
}
