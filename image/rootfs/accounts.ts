import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '#base';

interface Account {
  readonly name: string;
  readonly id: number;
  readonly description: string;
  /** None unless given. */
  readonly home?: string;
}

/**
 * Users of the services, with the numbers they keep in every version to come: what they own lies on the data partition.
 * Each has a group of its name.
 */
export const serviceAccounts: readonly Account[] = [
  { name: 'weir', id: 900, description: 'Weir' },
  { name: 'messagebus', id: 901, description: 'System Message Bus' },
  { name: 'systemd-timesync', id: 902, description: 'systemd Time Synchronization' },
  { name: 'systemd-network', id: 903, description: 'systemd Network Management' },
  // It locks its parts without rights in there (chroot(2)).
  { name: 'dhcpcd', id: 904, description: 'DHCP client', home: '/usr/lib/dhcpcd' },
];

/** Groups that only say who may open what. */
const deviceGroups = [
  ['systemd-journal', 910],
  ['input', 911],
  ['sgx', 912],
  ['clock', 913],
  ['kvm', 914],
  ['render', 915],
] as const;

/** Debian's fixed accounts, and those of the services; a password for nobody. */
export function writeAccounts(root: string): void {
  const master = (kind: string) =>
    readFileSync(join(root, 'usr', 'share', 'base-passwd', `${kind}.master`), 'utf8');
  const users = master('passwd')
    .trim()
    .split('\n')
    .map((line) => line.replace(/^([^:]*):\*:/, '$1:x:'));
  const groups = master('group')
    .trim()
    .split('\n')
    .map((line) => line.replace(/^([^:]*):\*:/, '$1:x:'));
  for (const { name, id, description, home = '/nonexistent' } of serviceAccounts) {
    users.push(`${name}:x:${id}:${id}:${description}:${home}:/usr/sbin/nologin`);
    groups.push(`${name}:x:${id}:`);
  }
  for (const [name, id] of deviceGroups) groups.push(`${name}:x:${id}:`);
  // The serial port of the console.
  const withMembers = groups.map((line) => (/^dialout:/.test(line) ? `${line}weir` : line));

  const nameOf = (line: string) => line.slice(0, line.indexOf(':'));
  requireKnown(root, new Set(users.map(nameOf)), new Set(groups.map(nameOf)));
  write(root, 'passwd', users, 0o644);
  write(root, 'group', withMembers, 0o644);
  write(
    root,
    'shadow',
    users.map((line) => `${nameOf(line)}:!*:1::::::`),
    0o600,
  );
  write(
    root,
    'gshadow',
    groups.map((line) => `${nameOf(line)}:!*::`),
    0o600,
  );
}

const write = (root: string, name: string, lines: readonly string[], mode: number): void =>
  writeFileSync(join(root, 'etc', name), `${lines.join('\n')}\n`, { mode });

/** A package that wants an account nobody gave a number would run as somebody else, or not at all. */
function requireKnown(root: string, users: ReadonlySet<string>, groups: ReadonlySet<string>): void {
  const unknown: string[] = [];
  for (const file of globSync('usr/lib/sysusers.d/*.conf', { cwd: root })) {
    for (const line of readFileSync(join(root, file), 'utf8').split('\n')) {
      const [, kind = '', name = ''] = /^([ug])!?\s+(\S+)/.exec(line) ?? [];
      if (kind !== '' && !(kind === 'u' ? users : groups).has(name))
        unknown.push(`${kind} ${name} (${file})`);
    }
  }
  if (unknown.length === 0) return;
  throw new WeirError('IMAGE_FAILED', `packages want accounts that have no number: ${unknown.join(', ')}`, {
    advice: 'give them one in image/rootfs/accounts.ts',
  });
}
