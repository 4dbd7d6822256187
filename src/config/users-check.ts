import type { ConfigFault } from './config-fault.ts';
import type { Config } from './tree.ts';

/** Where there are users the serial console asks for one, and on a gateway there may be no other way in. */
export function checkUsers(users: Config['system']['users'], faults: ConfigFault[]): void {
  if (users.length === 0) return;
  if (users.some((user) => user.class === 'administrator' && user.passwordHash !== undefined)) return;
  faults.push({
    path: 'system.users',
    text: 'needs an administrator with a password, else nobody could change the configuration any more',
  });
}
