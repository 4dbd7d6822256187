/** Commands that put the candidate in force, or take it from what was in force before. */
import { WeirError } from '#base';
import {
  type CommitFacts,
  type CommitOutcome,
  type Configurations,
  type Fate,
  type Guard,
  quoteWords,
  renderChanges,
  renderCompare,
  type Verdict,
} from '../../config/index.ts';
import {
  type Command,
  type CommandContext,
  command,
  type OptionParameter,
  type WordParameter,
} from '../command.ts';
import { notANumber } from '../grammar/index.ts';
import { renderTable } from '../render/index.ts';
import { needEditing } from './editing.ts';
import { kept } from './kept.ts';

/** A commit that is kept, by how far back it is. */
const keptCommit: WordParameter = {
  kind: 'word',
  name: 'number',
  help: 'how many commits back',
  choices: kept,
};

const comment: OptionParameter = {
  kind: 'option',
  name: 'comment',
  form: 'comment',
  help: 'why, in quotes; kept with the commit',
};
const longestConfirmMinutes = 1440;

/** What a commit has come to. */
interface Told {
  readonly outcome: CommitOutcome['kind'];
  readonly commit: CommitFacts;
  readonly restarts: readonly (readonly string[])[];
  /** In how many it goes back unless it is confirmed. */
  readonly confirmMinutes?: number;
  /** Why it has to be confirmed, when nobody asked for that. */
  readonly guard?: Guard;
  readonly keptAsWell?: CommitFacts;
}

async function commit(
  { shell, configurations, who, way }: CommandContext,
  options: { readonly comment: string | undefined; readonly confirmMinutes?: number },
): Promise<Told> {
  const editing = needEditing(shell.editing);
  const { comment, confirmMinutes } = options;
  shell.committing = true;
  const outcome = await configurations.commit(editing.candidate, {
    who,
    ...(way && { way }),
    ...(comment !== undefined && { comment }),
    ...(confirmMinutes !== undefined && { confirmMinutes }),
  });
  editing.renew();
  const { kind, minutes, ...told } = outcome;
  return { outcome: kind, ...told, ...(minutes !== undefined && { confirmMinutes: minutes }) };
}

export const commitCommands: readonly Command[] = [
  command({
    path: 'commit',
    help: 'puts the changes in force, all or none; confirms a commit that waits for that',
    needs: 'administrator',
    parameters: [comment],
    run: (context, args) => commit(context, { comment: args.get('comment') }),
    render: renderCommit,
  }),
  command({
    path: 'commit and-quit',
    help: 'puts the changes in force and leaves the configuration mode',
    needs: 'administrator',
    parameters: [comment],
    run: async (context, args) => {
      const told = await commit(context, { comment: args.get('comment') });
      context.shell.editing = undefined;
      return told;
    },
    render: renderCommit,
  }),
  command({
    path: 'commit confirmed',
    help: 'puts the changes in force for some minutes; they go back by themselves unless `confirm` is typed by then',
    needs: 'administrator',
    parameters: [
      {
        kind: 'word',
        name: 'minutes',
        form: 'minutes',
        help: `1 to ${longestConfirmMinutes}; 10`,
        optional: true,
        refuse: notANumber(1, longestConfirmMinutes),
      },
      comment,
    ],
    run: (context, args) =>
      commit(context, { comment: args.get('comment'), confirmMinutes: Number(args.get('minutes') ?? 10) }),
    render: renderCommit,
  }),
  command({
    path: 'commit check',
    help: 'says what is wrong, also on this machine, and what would take effect at a restart only; changes nothing',
    needs: 'administrator',
    run: async ({ shell, configurations, who, way }) => {
      const { candidate } = needEditing(shell.editing);
      const { faults, changes, ...told } = configurations.check(candidate, { who, ...(way && { way }) });
      if (faults.length > 0) {
        const text = faults.map((fault) => `${quoteWords(fault.path)}: ${fault.text}`).join('; ');
        throw new WeirError('CONFIG_BAD_VALUE', text, { advice: 'mend this before you commit' });
      }
      await configurations.checkOnBox(candidate);
      return { changes: renderChanges(changes), ...told };
    },
    render: ({ changes, restarts, later, changedMeanwhile, guard, waiting }) =>
      [
        changes.length === 0 ? 'nothing is changed\n' : 'the configuration can be committed\n',
        restartText(restarts),
        ...later.map(({ path, appliesTo }) => `for ${appliesTo} only: ${quoteWords(path)}\n`),
        changedMeanwhile
          ? 'somebody has committed since you began: `update` takes that over and keeps your changes\n'
          : '',
        guard === undefined
          ? ''
          : `${reasonsOf(guard)}so it goes back by itself unless it is confirmed within ${minutesText(guard.minutes)}\n`,
        waiting === undefined ? '' : waitingText(waiting),
      ].join(''),
  }),
  command({
    path: 'confirm',
    help: 'keeps a commit that waits to be confirmed',
    needs: 'administrator',
    run: async ({ shell, configurations }) => {
      shell.committing = true;
      return { commit: await configurations.confirm() };
    },
    render: () => 'confirmed\n',
  }),
  command({
    path: 'update',
    help: 'takes over what others have committed since you began, and keeps your changes',
    needs: 'administrator',
    run: async ({ shell }) => ({ conflicts: needEditing(shell.editing).update() }),
    render: ({ conflicts }) =>
      conflicts.length === 0
        ? 'your changes are on top of what is in force\n'
        : `others have changed the same, yours counts:\n${conflicts.map((path) => `  ${quoteWords(path)}\n`).join('')}`,
  }),
  command({
    path: 'rollback',
    help: 'loads what is in force (0), or was so many commits before; `commit` puts it in force',
    needs: 'administrator',
    parameters: [{ ...keptCommit, optional: true }],
    run: async ({ shell }, args) => {
      const back = Number(args.get('number') ?? 0);
      await needEditing(shell.editing).rollback(back);
      return { rollback: back };
    },
    render: () => 'load complete\n',
  }),
];

/** Of the operational mode. */
export const historyCommands: readonly Command[] = [
  command({
    path: 'show commits',
    help: 'commits that are kept: who, when, why; with a number what that one changed',
    parameters: [{ ...keptCommit, optional: true }],
    run: async ({ configurations }, args) => {
      const number = args.get('number');
      return {
        commits: configurations.history(),
        unconfirmed: configurations.unconfirmed(),
        ...(number !== undefined && { changes: await changesOf(configurations, Number(number)) }),
      };
    },
    render: ({ commits, unconfirmed, changes }, { columns: width }) =>
      changes?.map((line) => `${line}\n`).join('') ??
      [
        unconfirmed === undefined
          ? ''
          : `the newest one waits for \`confirm\`, ${unconfirmed.remainingSeconds} s more\n`,
        commits.length === 0
          ? 'nothing was ever committed\n'
          : renderTable(
              [
                { title: 'ROLLBACK', align: 'right' },
                { title: 'WHEN' },
                { title: 'WHO' },
                { title: 'COMMENT' },
              ],
              commits.map(({ at, who, comment }, index) => [
                String(index),
                new Date(at).toISOString(),
                who,
                comment ?? '',
              ]),
              width,
            ),
      ].join(''),
  }),
];

/** What it changed in the one before it; all of it when that one is not kept. */
async function changesOf(configurations: Configurations, back: number): Promise<readonly string[]> {
  const before =
    back + 1 < configurations.history().length ? await configurations.rollback(back + 1) : undefined;
  return renderCompare(before?.tree ?? {}, (await configurations.rollback(back)).tree);
}

function renderCommit({ outcome, restarts, confirmMinutes = 0, guard, keptAsWell }: Told): string {
  const done: Readonly<Record<CommitOutcome['kind'], string>> = {
    committed: `commit complete${keptAsWell ? `, with that of ${keptAsWell.who} that waited to be confirmed` : ''}\n`,
    confirmed: 'the commit that waited is confirmed\n',
    unchanged: 'nothing is changed\n',
    unconfirmed: guard
      ? `${reasonsOf(guard)}so this is in force for ${minutesText(confirmMinutes)}: type \`configure\`, \`confirm\` in any session to keep it, or it goes back by itself\n`
      : `in force for ${minutesText(confirmMinutes)}: type \`confirm\` to keep it, or it goes back by itself\n`,
  };
  return done[outcome] + restartText(restarts);
}

const minutesText = (minutes: number): string => `${minutes} minute${minutes === 1 ? '' : 's'}`;

const reasonsOf = ({ reasons }: Guard): string => reasons.map((reason) => `${reason},\n`).join('');

function waitingText({ who, remainingSeconds, fate }: NonNullable<Verdict['waiting']>): string {
  const waits = `the commit of ${who} that waits to be confirmed, ${remainingSeconds} s more,`;
  const fates: Readonly<Record<Fate, string>> = {
    confirmed: 'is confirmed by a commit',
    'kept as well': 'is part of it from then on',
    'taken back': 'is taken back by a commit',
    'in the way': 'is in the way: `confirm` keeps it, `rollback 1` and `commit` take it back',
  };
  return `${waits} ${fates[fate]}\n`;
}

const restartText = (restarts: readonly (readonly string[])[]): string =>
  restarts.length === 0
    ? ''
    : `at the next restart only (request system restart):\n${restarts.map((path) => `  ${quoteWords(path)}\n`).join('')}`;
