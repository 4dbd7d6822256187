import { unconfigured } from './parse.ts';
import type { Config } from './tree.ts';

/** How whoever commits has come to the box. */
export type Way =
  /** `account`: the user they have logged in as; none where the configuration had no users. */
  | { readonly over: 'serial line'; readonly account: string | undefined }
  /** `address`: of the box, when they have come to it over the network. */
  | { readonly over: 'control socket'; readonly address: string | undefined };

/**
 * What of `next` may lock somebody out: whoever commits, or whoever will stand before the serial port. Such a commit has to be
 * confirmed, which takes somebody who is still, or again, at the console.
 *
 * @param defaultPort Where the console is as long as the configuration does not say.
 * @returns a line each; none: nobody is locked out.
 */
export function lockOuts(
  before: Config | undefined,
  next: Config,
  defaultPort: string | undefined,
  way: Way | undefined,
): readonly string[] {
  const was = before ?? unconfigured;
  const found = [movedConsole(was, next, defaultPort)];
  if (way?.over === 'serial line') found.push(changedLogin(was, next, way.account));
  if (way?.over === 'control socket' && way.address !== undefined) {
    found.push(changedNetwork(was, next, way.address));
  }
  return found.filter((reason) => reason !== undefined);
}

function movedConsole(was: Config, next: Config, defaultPort: string | undefined): string | undefined {
  const from = was.console.port ?? defaultPort;
  const to = next.console.port ?? defaultPort;
  if (from === undefined) return undefined;
  if (to === undefined) return `the console leaves ${from} and is on no serial port any more`;
  if (from !== to) return `the console moves from ${from} to ${to}, at ${next.console.baud} bit/s`;
  if (was.console.baud === next.console.baud) return undefined;
  return `the console at ${to} changes from ${was.console.baud} to ${next.console.baud} bit/s`;
}

/** Can whoever is at the serial port come back as what they are? */
function changedLogin(was: Config, next: Config, account: string | undefined): string | undefined {
  const { users } = next.system;
  if (users.length === 0) return undefined;
  if (account === undefined) {
    return was.system.users.length === 0
      ? 'the console asks for a user and a password from now on'
      : undefined;
  }
  const before = was.system.users.find(({ name }) => name === account);
  const after = users.find(({ name }) => name === account);
  if (after === undefined) return `${account} is no user any more`;
  if (after.class !== 'administrator') return `${account} is no administrator any more`;
  return before?.passwordHash === after.passwordHash ? undefined : `${account} has another password`;
}

function changedNetwork(was: Config, next: Config, address: string): string | undefined {
  const same = JSON.stringify(was.interfaces) === JSON.stringify(next.interfaces);
  return same ? undefined : `the interfaces change, and you have come over the network, to ${address}`;
}
