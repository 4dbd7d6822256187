import type { Configurations, Way } from '../config/index.ts';
import type { Account } from './accounts.ts';
import type { Editing } from './configuration/editing.ts';
import type { Choice, Next, Pipe } from './grammar/index.ts';
import type { Operations } from './operations.ts';
import type { Size } from './terminal/index.ts';

/** What somebody may do on the console; each may do what those before it may. */
export const userClasses = ['viewer', 'operator', 'administrator'] as const;
export type UserClass = (typeof userClasses)[number];

/** Who uses a shell. */
export interface User {
  /** For what is kept about what they do: logs, commits. */
  readonly who: string;
  readonly userClass: UserClass;
  /** How they have come to the box. */
  readonly way?: Way;
  /** What they have logged in as, as it was then. */
  readonly account?: Account;
}

/** Of a shell, what outlives a command. */
export interface ShellState {
  user: User;
  /** The command that is under way has begun to commit: what becomes of that shall be told, also to who is to go. */
  committing: boolean;
  /** The command that is under way leads through questions: it tells itself when they are over. */
  guided: boolean;
  /** Work on the configuration: as long as there is some, the commands of the configuration mode are understood. */
  editing: Editing | undefined;
  /** Set by the command that ends the session. */
  over: boolean;
}

/** Of a shell that `user` has just opened. */
export const freshState = (user: User): ShellState => ({
  user,
  editing: undefined,
  over: false,
  committing: false,
  guided: false,
});

export type ModeName = 'operational' | 'configuration';

export interface AskOptions {
  /** Nothing is shown of what is typed. */
  readonly secret?: boolean | undefined;
  /** Aborted when there is nothing to ask any more: the question rejects with its reason. */
  readonly unless?: AbortSignal;
}

/** What a command knows of who gave it and where. */
export interface CommandContext {
  readonly operations: Operations;
  readonly configurations: Configurations;
  /** Name of the user, for what is kept about a command: logs, commits. */
  readonly who: string;
  readonly userClass: UserClass;
  /** How they have come to the box. */
  readonly way: Way | undefined;
  readonly size: Size;
  /** What the command may change of the shell it was given in. */
  readonly shell: ShellState;
  /** Aborted by ^C, and when whoever gave the command is gone. */
  readonly signal: AbortSignal;
  /** Asks for a line. Throws where nobody can be asked. */
  ask(question: string, options?: AskOptions): Promise<string>;
  /** Lines as they are typed or pasted, up to ^D. */
  readText(): Promise<string>;
}

/** What completion may ask: what is there, but nobody. */
export type Surroundings = Pick<CommandContext, 'operations' | 'configurations' | 'userClass' | 'shell'>;

interface Described {
  readonly name: string;
  /** One line for `?`. */
  readonly help: string;
}

/** A word that stands at its place. */
export interface WordParameter extends Described {
  readonly kind: 'word';
  /** What a person calls its form; absent: only one of the choices will do. */
  readonly form?: string;
  readonly choices?: (surroundings: Surroundings) => readonly Choice[] | Promise<readonly Choice[]>;
  /** What is wrong with a word, if anything. */
  readonly refuse?: (word: string) => string | undefined;
  readonly optional?: boolean;
}

/** `name VALUE`, in any order behind the words; without a `form`, and without choices, `name` alone. */
export interface OptionParameter extends Described {
  readonly kind: 'option';
  readonly form?: string;
  readonly choices?: WordParameter['choices'];
  readonly refuse?: WordParameter['refuse'];
}

/** All further words, of which the command itself knows what may follow which. Stands last. */
export interface RestParameter extends Described {
  readonly kind: 'rest';
  readonly next: (surroundings: Surroundings, words: readonly string[]) => Next | Promise<Next>;
}

export type Parameter = WordParameter | OptionParameter | RestParameter;

/** What was given for the parameters of a command. */
export interface Arguments {
  /** Of a word or an option; the name itself for an option that has no value; undefined when it was not given. */
  get(name: string): string | undefined;
  /** Of a word that is not optional. */
  need(name: string): string;
  readonly rest: readonly string[];
}

/** A command and what was given to it. */
export interface PlainOrder {
  readonly command: Command;
  readonly args: Arguments;
}

/** What walking a whole line comes to. */
export interface Order extends PlainOrder {
  readonly pipes: readonly Pipe[];
}

/** Another view of what a command shows. */
export interface CommandView extends Choice {
  /** A word that may follow it, and what may stand behind that: `compare rollback 3`. */
  readonly option?: Choice & { readonly choices: (surroundings: Surroundings) => readonly Choice[] };
}

/** A command as the tree keeps it. Made by `command`, which sees to it that `render` fits `run`. */
export interface Command {
  /** `show outbox`: its words. */
  readonly path: string;
  readonly help: string;
  readonly parameters: readonly Parameter[];
  readonly needs: UserClass;
  /** What may stand behind `|` for this command alone; `args.get('view')` says which was chosen, with what was chosen of it. */
  readonly views: readonly CommandView[];
  /** Each thing that comes replaces the one before it on the screen. */
  readonly refreshes: boolean;
  /** Another order that is carried out in the place of this one, as the words say. */
  readonly insteadOf:
    | ((surroundings: Surroundings, words: readonly string[]) => PlainOrder | undefined)
    | undefined;
  /**
   * Whether a line with these arguments is not to be remembered, as there is a secret in it. Not `whole`: something follows that
   * was not understood.
   */
  hides(surroundings: Surroundings, args: Arguments, whole: boolean): boolean;
  /** JSON, or several one after the other. */
  run(context: CommandContext, args: Arguments): Promise<unknown> | AsyncIterable<unknown>;
  /** Text of one JSON, lines ended by "\n"; empty: nothing is said. */
  render(json: unknown, size: Size): string;
}

/** A command as it is written: `run` returns JSON (the typed handler's answer), `render` makes text of it. */
export interface CommandSpec<T> {
  readonly path: string;
  readonly help: string;
  readonly parameters?: readonly Parameter[];
  /** Absent: everybody may. */
  readonly needs?: UserClass;
  readonly views?: readonly CommandView[];
  readonly refreshes?: boolean;
  readonly hides?: Command['hides'];
  readonly insteadOf?: Command['insteadOf'];
  readonly run: (context: CommandContext, args: Arguments) => Promise<T> | AsyncIterable<T>;
  readonly render: (json: T, size: Size) => string;
}

export function command<T>(spec: CommandSpec<T>): Command {
  return {
    path: spec.path,
    help: spec.help,
    parameters: spec.parameters ?? [],
    needs: spec.needs ?? 'viewer',
    views: spec.views ?? [],
    refreshes: spec.refreshes ?? false,
    insteadOf: spec.insteadOf,
    hides: spec.hides ?? (() => false),
    run: spec.run,
    // What `run` of the same spec gave.
    render: (json, size) => spec.render(json as T, size),
  };
}

export const mayUse = (userClass: UserClass, needs: UserClass): boolean =>
  userClasses.indexOf(userClass) >= userClasses.indexOf(needs);
