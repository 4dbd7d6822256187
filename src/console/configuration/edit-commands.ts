/** Commands that change the candidate. */
import { WeirError } from '#base';
import { quoteWords } from '../../config/index.ts';
import {
  type Arguments,
  type Command,
  type CommandContext,
  type CommandSpec,
  command,
  type RestParameter,
} from '../command.ts';
import { type Choice, type Next, notANumber, nothingFollows } from '../grammar/index.ts';
import { hashPassword } from '../password.ts';
import { type Editing, needEditing } from './editing.ts';
import {
  hasSecret,
  nextOfSet,
  nextToEdit,
  nextToOrdered,
  nextToSet,
  placeOf,
  secretIsMissing,
} from './paths.ts';

/** Words that are a path, or begin with one. */
export const pathWords = (
  help: string,
  next: (editing: Editing, words: readonly string[]) => Next,
): RestParameter => ({
  kind: 'rest',
  name: 'path',
  help,
  next: ({ shell }, words) => next(needEditing(shell.editing), words),
});

/** A command that says nothing when it is done. */
function silent(
  spec: Omit<CommandSpec<undefined>, 'run' | 'render' | 'needs'> & {
    readonly run: (editing: Editing, args: Arguments, context: CommandContext) => Promise<void> | void;
  },
): Command {
  const { run, ...rest } = spec;
  return command({
    ...rest,
    needs: 'administrator',
    run: async (context, args) => {
      await run(needEditing(context.shell.editing), args, context);
      return undefined;
    },
    render: () => '',
  });
}

const isThere = ({ node, path }: { readonly node?: unknown; readonly path: readonly string[] }) =>
  node !== undefined && path.length > 0;

export const editCommands: readonly Command[] = [
  silent({
    path: 'set',
    help: 'sets a value, or adds an item or a value to a list',
    parameters: [pathWords('what, and to what', nextToSet)],
    hides: ({ shell }, { rest }, whole) => {
      const editing = needEditing(shell.editing);
      return hasSecret(editing, rest) || (!whole && secretIsMissing(editing, rest));
    },
    run: async (editing, { rest: words }, { ask }) => {
      if (!secretIsMissing(editing, words)) return editing.candidate.set(editing.path, words);
      const secret = await ask(`${words.at(-1)}: `, { secret: true });
      editing.candidate.set(editing.path, [...words, secret]);
    },
  }),
  silent({
    path: 'delete',
    help: 'removes what is set, with all below it',
    parameters: [
      pathWords('what', (editing, words) =>
        nextOfSet(editing, words, (place) => words.length > 0 && isThere(place)),
      ),
    ],
    run: (editing, { rest: words }) => {
      editing.candidate.delete(editing.full(words));
    },
  }),
  silent({
    path: 'insert',
    help: 'moves an item of a list whose order counts',
    parameters: [pathWords('what, `before` or `after`, what else', nextToInsert)],
    run: (editing, { rest: words }) => {
      const [where, key = ''] = words.slice(-2);
      if (where !== 'before' && where !== 'after') throw new WeirError('USAGE', 'before or after what?');
      editing.candidate.insert(editing.full(words.slice(0, -2)), where, key);
    },
  }),
  silent({
    path: 'annotate',
    help: 'remarks on what is set; "" takes the remark away',
    parameters: [pathWords('what, and the remark', nextToAnnotate)],
    run: (editing, { rest: words }) =>
      editing.candidate.annotate(editing.full(words.slice(0, -1)), words.at(-1) ?? ''),
  }),
  silent({
    path: 'password',
    help: 'asks for the password of a user',
    parameters: [
      {
        kind: 'word',
        name: 'user',
        form: 'user name',
        help: 'who logs in with it',
        choices: ({ shell }) => keysAt(needEditing(shell.editing), ['system', 'users']),
      },
    ],
    run: async (editing, args, { ask }) => {
      const user = args.need('user');
      const password = await ask(`New password of ${user}: `, { secret: true });
      if ((await ask('The same again: ', { secret: true })) !== password) {
        throw new WeirError('CONFIG_BAD_VALUE', 'these were two passwords', {
          advice: 'nothing was changed',
        });
      }
      const passwordHash = await hashPassword(password);
      editing.candidate.set(['system', 'users'], [user, 'passwordHash', passwordHash]);
    },
  }),
  silent({
    path: 'edit',
    help: 'goes to a place; paths are typed from there',
    parameters: [pathWords('where to', nextToEdit)],
    run: (editing, { rest }) => editing.edit(rest),
  }),
  silent({
    path: 'up',
    help: 'goes up, one level or several',
    parameters: [
      {
        kind: 'word',
        name: 'levels',
        form: 'levels',
        help: 'how many; 1',
        optional: true,
        refuse: notANumber(1, 32),
      },
    ],
    run: (editing, args) => editing.up(Number(args.get('levels') ?? 1)),
  }),
  silent({
    path: 'top',
    help: 'goes to the top',
    run: (editing) => editing.top(),
  }),
];

/** Items of a list, as choices that have to be written out. */
export function keysAt(editing: Editing, path: readonly string[]): readonly Choice[] {
  const node = editing.candidate.get(path);
  if (!Array.isArray(node)) return [];
  return node.flatMap((item) => {
    const name = typeof item === 'object' && !Array.isArray(item) ? item.name : undefined;
    return typeof name === 'string' ? [{ word: name, help: 'is set', whole: true }] : [];
  });
}

function nextToInsert(editing: Editing, words: readonly string[]): Next {
  const itemBefore = (left: number) => {
    const place = placeOf(editing, words.slice(0, -left));
    const isRelation = ['before', 'after'].includes(words.at(-left) ?? '');
    return isRelation && place !== undefined && isItem(place.kind) ? place : undefined;
  };
  if (itemBefore(2) !== undefined) return nothingFollows;
  const moved = itemBefore(1);
  if (moved !== undefined) {
    const { choices } = nextOfSet(editing, words.slice(0, -2), () => false);
    return { choices: choices.filter(({ word }) => word !== moved.path.at(-1)), ends: false };
  }
  const place = placeOf(editing, words);
  if (place === undefined || !isItem(place.kind)) return nextToOrdered(editing, words);
  return {
    choices: [
      { word: 'after', help: 'behind another one' },
      { word: 'before', help: 'in front of another one' },
    ],
    ends: false,
  };
}

const isItem = (kind: string): boolean => kind === 'item' || kind === 'value';

function nextToAnnotate(editing: Editing, words: readonly string[]): Next {
  const place = placeOf(editing, words);
  // The words that led here were a path, and the last one is the remark.
  if (place === undefined) return nothingFollows;
  const next = nextOfSet(editing, words, () => false);
  if (!isThere(place)) return next;
  const about = quoteWords(words);
  return { ...next, value: { form: 'remark', help: `a line about ${about}, in quotes` } };
}
