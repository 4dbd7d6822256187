import { cpSync, existsSync, globSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where the image has them. */
const licenceFolder = join('usr', 'share', 'doc');

/** Debian's copyright files, collected before the rest of the documentation is taken away. */
export function collectDebianLicences(root: string, to: string): void {
  const folder = join(root, 'usr', 'share');
  for (const path of globSync('doc/*/copyright', { cwd: folder })) copy(join(folder, path), join(to, path));
  const common = join(folder, 'common-licenses');
  if (existsSync(common))
    cpSync(common, join(to, 'common-licenses'), { recursive: true, verbatimSymlinks: true });
}

/** The licence texts of npm packages, whether bundled or separate. */
export function collectModuleLicences(modules: string, names: readonly string[], to: string): void {
  for (const name of names) {
    for (const file of globSync('{LICEN[CS]E,LICEN[CS]E.*,license,license.*,COPYING*,NOTICE*}', {
      cwd: join(modules, name),
    })) {
      copy(join(modules, name, file), join(to, 'doc', 'weir', 'modules', name, file));
    }
  }
}

/** Puts what was collected into the root filesystem. */
export function installLicences(from: string, root: string, ownLicence: string): void {
  copy(ownLicence, join(from, 'doc', 'weir', 'LICENSE'));
  writeFileSync(
    join(from, 'doc', 'weir', 'README'),
    'Licences of everything in this image: here those of Weir and of the JavaScript packages in it, in ../*/copyright those of\n' +
      "Debian's packages, in ../../common-licenses the texts they refer to.\n",
  );
  cpSync(join(from, 'doc'), join(root, licenceFolder), { recursive: true });
  const common = join(root, 'usr', 'share', 'common-licenses');
  cpSync(join(from, 'common-licenses'), common, { recursive: true, verbatimSymlinks: true });
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { dereference: true });
}
