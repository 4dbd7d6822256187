/** Commands that show the configuration: the one in force, and the candidate. */
import { type Configurations, findPlace, followingOf, isPathFault } from '../../config/index.ts';
import { type Command, command, type RestParameter } from '../command.ts';
import { type Choice, type Next, nothingFollows } from '../grammar/index.ts';
import { pathWords } from './edit-commands.ts';
import { needEditing } from './editing.ts';
import { nextOfSet } from './paths.ts';
import { configurationViews, renderConfiguration, shownConfiguration } from './shown.ts';

/** Of the configuration mode. */
export const showCandidateCommands: readonly Command[] = [
  command({
    path: 'show',
    help: 'the candidate, from here',
    needs: 'administrator',
    views: configurationViews,
    parameters: [pathWords('which part', (editing, words) => nextOfSet(editing, words, () => true))],
    run: async ({ shell, configurations }, args) => {
      const editing = needEditing(shell.editing);
      const { candidate } = editing;
      const place = candidate.place(editing.full(args.rest));
      const source = {
        tree: candidate.tree(),
        annotations: candidate.annotations(),
        before: async (back: number) =>
          back === 0 ? configurations.tree : (await configurations.rollback(back)).tree,
      };
      return shownConfiguration(source, place, args.get('view'));
    },
    render: renderConfiguration,
  }),
];

/** Of the operational mode. */
export const showActiveCommands: readonly Command[] = [
  command({
    path: 'show configuration',
    help: 'the configuration in force',
    views: configurationViews.filter(({ word }) => word !== 'compare'),
    parameters: [activePath()],
    run: async ({ configurations }, args) => {
      const { tree, annotations } = configurations;
      const place = placeIn(configurations, args.rest);
      if (place === undefined) throw new TypeError('a path that was walked leads somewhere');
      return shownConfiguration({ tree, annotations, before: async () => tree }, place, args.get('view'));
    },
    render: renderConfiguration,
  }),
];

function activePath(): RestParameter {
  return {
    kind: 'rest',
    name: 'path',
    help: 'which part',
    next: ({ configurations }, words) => nextIn(configurations, words),
  };
}

function nextIn(configurations: Configurations, words: readonly string[]): Next {
  const place = placeIn(configurations, words);
  if (place === undefined) return nothingFollows;
  const { names, keys } = followingOf(place);
  return {
    choices: [
      ...names.map(({ name, help }): Choice => ({ word: name, help })),
      ...keys.map((word): Choice => ({ word, help: 'is set', whole: true })),
    ],
    ends: true,
  };
}

function placeIn({ tree }: Configurations, words: readonly string[]) {
  const place = findPlace(tree, words);
  return isPathFault(place) ? undefined : place;
}
