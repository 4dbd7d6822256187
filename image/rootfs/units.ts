import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

const sources = join(import.meta.dirname, '..', 'units');
const unitFolder = join('usr', 'lib', 'systemd', 'system');

/** Useless here: the root filesystem is read-only and complete, nobody logs in by a terminal of systemd's. */
const masked = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'autovt@.service',
  'console-getty.service',
  'container-getty@.service',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'fstrim.timer',
  'getty@.service',
  'getty.target',
  'ldconfig.service',
  'proc-sys-fs-binfmt_misc.automount',
  'rauc-mark-good.service',
  'serial-getty@.service',
  'systemd-ask-password-console.path',
  'systemd-ask-password-wall.path',
  'systemd-binfmt.service',
  'systemd-firstboot.service',
  'systemd-hwdb-update.service',
  'systemd-journal-catalog-update.service',
  'systemd-logind.service',
  'systemd-machine-id-commit.service',
  'systemd-networkd.service',
  'systemd-networkd.socket',
  'systemd-pcrmachine.service',
  'systemd-remount-fs.service',
  'systemd-sysusers.service',
  'systemd-tpm2-setup.service',
  'systemd-tpm2-setup-early.service',
  'systemd-update-done.service',
];

/** Units of packages that their maintainer scripts would have switched on. */
const enabled = ['dbus.service', 'systemd-timesyncd.service'];

/** Installs the units in `image/units` and switches on what says where it wants to be (`[Install]`). */
export function installUnits(root: string): void {
  const folder = join(root, unitFolder);
  const installed = readdirSync(sources).filter((name) =>
    /\.(service|socket|timer|mount|target|path|slice)$/.test(name),
  );
  for (const name of installed) copyFileSync(join(sources, name), join(folder, name));
  for (const [from, to] of [
    ['tmpfiles.d', join('usr', 'lib', 'tmpfiles.d')],
    ['sysctl.d', join('usr', 'lib', 'sysctl.d')],
    ['modules-load.d', join('usr', 'lib', 'modules-load.d')],
    ['system.conf.d', join('usr', 'lib', 'systemd', 'system.conf.d')],
    ['journald.conf.d', join('usr', 'lib', 'systemd', 'journald.conf.d')],
  ] as const) {
    installFolder(join(sources, from), join(root, to));
  }
  for (const name of [...installed, ...enabled]) enable(folder, name);
  for (const name of masked) {
    const file = join(root, 'etc', 'systemd', 'system', name);
    mkdirSync(dirname(file), { recursive: true });
    rmSync(file, { force: true });
    symlinkSync('/dev/null', file);
  }
  const fallback = join(folder, 'default.target');
  rmSync(fallback, { force: true });
  symlinkSync('multi-user.target', fallback);
}

function installFolder(from: string, to: string): void {
  const names = readdirSync(from, { withFileTypes: true }).filter((entry) => entry.isFile());
  mkdirSync(to, { recursive: true });
  for (const { name } of names) copyFileSync(join(from, name), join(to, name));
}

/** What `systemctl enable` makes of `[Install]`, beside the units themselves. */
function enable(folder: string, name: string): void {
  const unit = readFileSync(join(folder, name), 'utf8');
  for (const [, kind = '', targets = ''] of unit.matchAll(/^(WantedBy|RequiredBy)=(.*)$/gm)) {
    for (const target of targets.trim().split(/\s+/)) {
      const wants = join(folder, `${target}.${kind === 'WantedBy' ? 'wants' : 'requires'}`);
      mkdirSync(wants, { recursive: true });
      rmSync(join(wants, name), { force: true });
      symlinkSync(join('..', name), join(wants, name));
    }
  }
}
