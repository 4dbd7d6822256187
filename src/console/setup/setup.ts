import { describeError, isWeirError, WeirError } from '#base';
import { Candidate, configTree, renderSetLines } from '../../config/index.ts';
import type { InterfacesStatus } from '../../operations/index.ts';
import type { CommandContext } from '../command.ts';
import { renderTable } from '../render/index.ts';
import type { Size } from '../terminal/index.ts';
import type { Question, SetupFacts, SetWords } from './question.ts';
import { questions } from './questions.ts';

/** What the set-up says between its questions. */
export interface SetupText {
  readonly text: string;
}

/** Answers of a pass before this one: they are what Enter means, but for secrets. */
type Answers = Map<string, string>;

/**
 * Leads through the first configuration of a box, question by question, and commits it. What cannot be committed is asked
 * again, with the answers that were given; ^C leaves, and nothing is changed. It ends when somebody else commits meanwhile.
 */
export async function* setup(context: CommandContext): AsyncGenerator<SetupText> {
  if (context.configurations.config !== undefined) {
    throw new WeirError('NOT_AVAILABLE', 'this box is configured already', {
      advice: 'change it with `configure`',
    });
  }
  yield told('', 'This box has no configuration. Enter alone takes what stands in [ ]; ^C leaves.', '');
  const overtaken = new AbortController();
  using _ = context.configurations.changed.on(() => overtaken.abort());
  context.shell.guided = true;
  let administrator: string;
  try {
    administrator = yield* untilCommitted(context, overtaken.signal);
  } catch (error) {
    if (!overtaken.signal.aborted || isWeirError(error, 'CONSOLE_CLOSED')) throw error;
    const who = context.configurations.history()[0]?.who ?? 'somebody';
    yield told('', `${who} has configured this box meanwhile: this set-up is over, nothing of it was taken.`);
    // Unseen, as whoever was asked for a password may still be typing it.
    await context.ask('Press Enter to go on. ', { secret: true });
    return;
  }
  become(context, administrator);
  yield told('The box relays. `show interfaces` and `test relay URL` tell more.');
}

/** Who has just typed the password of the administrator twice need not log in. */
function become({ shell, way, configurations }: CommandContext, name: string): void {
  const account = configurations.config?.system.users.find((user) => user.name === name);
  if (account === undefined || way?.over !== 'serial line') return;
  shell.user = { who: name, userClass: account.class, way: { over: 'serial line', account: name }, account };
}

/** Throws as soon as `overtaken` is aborted. Returns the name of the administrator. */
async function* untilCommitted(
  context: CommandContext,
  overtaken: AbortSignal,
): AsyncGenerator<SetupText, string> {
  const { who, shell } = context;
  const asking = { ...context, ask: withdrawable(context, overtaken) };
  let before: Answers = new Map();
  for (;;) {
    const candidate = context.configurations.candidate();
    before = yield* pass(asking, candidate, before);
    yield told('', ...renderSetLines(configTree, candidate.tree()), '');
    const { faults } = context.configurations.check(candidate, { who });
    if (faults.length > 0) {
      yield told(...faults.map(({ path, text }) => `error: ${path.join(' ')}: ${text}`), '');
      continue;
    }
    if (!/^(y|yes)?$/i.test((await asking.ask('Commit this? [yes] ')).trim())) continue;
    try {
      shell.committing = true;
      // Its password was typed twice, and who leaves now shall leave a box that stays as it is.
      await context.configurations.commit(candidate, { who, comment: 'first set-up', unguarded: true });
      return before.get('user') ?? '';
    } catch (error) {
      if (!isWeirError(error) || overtaken.aborted) throw error;
      yield told(`error: ${describeError(error)}`, '');
    }
  }
}

/** Questions that are given up when `overtaken` is aborted, before they are asked or while. */
const withdrawable =
  ({ ask }: CommandContext, overtaken: AbortSignal): CommandContext['ask'] =>
  async (question, options) => {
    overtaken.throwIfAborted();
    return await ask(question, { ...options, unless: overtaken });
  };

/** Asks all questions once. */
async function* pass(
  context: CommandContext,
  candidate: Candidate,
  before: Answers,
): AsyncGenerator<SetupText, Answers> {
  let listed = await context.operations.linkedInterfaces();
  mustHaveTwo(listed);
  yield told(nicTable(listed, context.size));
  const answers: Answers = new Map();
  for (let index = 0; index < questions.length; ) {
    const question = questions[index] as Question;
    const facts: SetupFacts = { nics: listed.interfaces, answers };
    const text = question.text(facts);
    if (text === undefined) {
      index += 1;
      continue;
    }
    const answer = await ask(context, question, text, facts, before);
    if (answer === 'again' && !question.secret) {
      listed = await context.operations.linkedInterfaces();
      mustHaveTwo(listed);
      yield told(nicTable(listed, context.size));
      continue;
    }
    try {
      take(context, candidate, await question.sets(answer, facts));
      answers.set(question.name, answer);
      index += 1;
    } catch (error) {
      if (!isWeirError(error, 'CONFIG_BAD_VALUE')) throw error;
      yield told(describeError(error));
      const { backTo } = question;
      if (backTo !== undefined) index = questions.findIndex(({ name }) => name === backTo);
    }
  }
  return answers;
}

/** All of it or nothing. What is wrong with it beside what was answered before is said now, not when all has been asked. */
function take({ configurations, who }: CommandContext, candidate: Candidate, all: SetWords): void {
  const trial = new Candidate({ tree: candidate.tree() });
  for (const words of all) trial.set([], words);
  const places = all.map((words) => words.slice(0, -1).join(' '));
  const fault = configurations
    .check(trial, { who })
    .faults.find(({ path }) => places.includes(path.join(' ')));
  if (fault) throw new WeirError('CONFIG_BAD_VALUE', fault.text);
  for (const words of all) candidate.set([], words);
}

async function ask(
  { ask: read }: CommandContext,
  { name, secret, fallback }: Question,
  text: string,
  facts: SetupFacts,
  before: Answers,
): Promise<string> {
  if (secret) {
    const answer = await read(`${text}: `, { secret });
    return answer === '' ? (fallback?.(facts) ?? '') : answer;
  }
  const otherwise = before.get(name) ?? fallback?.(facts);
  const answer = (await read(otherwise === undefined ? `${text}: ` : `${text} [${otherwise}] `)).trim();
  return answer === '' ? (otherwise ?? '') : answer;
}

function mustHaveTwo({ interfaces }: InterfacesStatus): void {
  if (interfaces.length >= 2) return;
  throw new WeirError('NIC_MISSING', `this box has ${interfaces.length} NIC, and needs two`, {
    advice: 'see whether the kernel has a driver for both',
  });
}

const columns = [
  { title: '' },
  { title: 'NIC' },
  { title: 'LINK' },
  { title: 'SPEED' },
  { title: 'MAC' },
  { title: 'ADDRESSES' },
  { title: 'PLACE' },
] as const;

function nicTable({ interfaces }: InterfacesStatus, { columns: width }: Size): string {
  const rows = interfaces.map(({ device, link, speedMbps, mac, addresses, path }, index) => [
    String(index + 1),
    device,
    link,
    speedMbps === null ? '-' : `${speedMbps} Mbit/s`,
    mac || '-',
    addresses.join(' ') || '-',
    path?.replace(/\/net\/[^/]+$/, '') ?? '-',
  ]);
  return `${renderTable(columns, rows, width)}Plug a cable in or out and answer again to see which is which.`;
}

const told = (...lines: readonly string[]): SetupText => ({
  text: lines.map((line) => `${line}\n`).join(''),
});
