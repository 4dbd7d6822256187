import type { User, UserClass } from './command.ts';

/** Somebody who may log in. */
export interface Account {
  readonly name: string;
  readonly class: UserClass;
  /** As `hashPassword` makes it; absent: nobody can log in with this name. */
  readonly passwordHash?: string | undefined;
}

/** Why who came as `user` is that no more; undefined: they are. */
export function whyOver({ way, account }: User, accounts: readonly Account[]): string | undefined {
  if (way?.over !== 'serial line') return undefined;
  if (account === undefined) {
    return accounts.length === 0 ? undefined : 'there are users from now on: log in as one of them';
  }
  const now = accounts.find(({ name }) => name === account.name);
  if (now === undefined) return `${account.name} is no user of this box any more: logged out`;
  if (now.class !== account.class) return `${now.name} is ${now.class} from now on: log in again`;
  return now.passwordHash === account.passwordHash
    ? undefined
    : `${now.name} has another password from now on: log in again`;
}
