import type { UserClass } from './command.ts';

/** Somebody who may log in. */
export interface Account {
  readonly name: string;
  readonly class: UserClass;
  /** As `hashPassword` makes it; absent: nobody can log in with this name. */
  readonly passwordHash?: string | undefined;
}
