import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { quoteWords } from '../../src/config/index.ts';
import { command, freshState } from '../../src/console/command.ts';
import { CommandTree, orderAt } from '../../src/console/command-tree.ts';
import { commandGroups, operationalCommands } from '../../src/console/commands/index.ts';
import { matchLine, prospectOf, splitWords } from '../../src/console/grammar/index.ts';
import { renderMismatch } from '../../src/console/help.ts';
import type { Operations } from '../../src/console/operations.ts';
import {
  type Key,
  KeyReader,
  LineBuffer,
  maxLine,
  readLine,
  Terminal,
} from '../../src/console/terminal/index.ts';
import { ScreenModel } from '../unit/console/screen-model.ts';
import { mutate } from './mutate.ts';
import { random } from './random.ts';

const seed = Number(process.env.FUZZ_SEED ?? 1);
const rounds = 500 * Number(process.env.FUZZ_SECONDS ?? 1);
/** Longer inputs say nothing new, and take long to show. */
const longest = 400;
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

const typed = [
  'show alarms\r',
  'sh\x1b[D\x1b[C\x7f\x7fxyz\x01abc\x05\x0b\x19\x15\x17\x1bb\x1bf',
  '\x1b[1;5C\x1b[3~\x1bOH\x1b[24;80R\x1b[200~äöü😀\x16?\t\x04',
  'request outbox requeue "a b\\" c" | match "x|y" | last 3\r\n',
];
const lines = [
  'show outbox | match text | except other | last 3',
  'request outbox requeue https | json',
  '"sho" alarms',
  'show "alarms|count',
  '  # remark',
  'set relay origins "a b" username \\"x\\"',
  '',
];
const words = [
  'show',
  '|',
  '"',
  '\\',
  '\x1b[',
  '\x1b',
  '\r',
  '\t',
  '?',
  ' ',
  'match',
  'last',
  '\u{1f600}',
  '\0',
].map(bytesOf);

/** So many inputs, made of what was tried before. */
function* inputs(seeds: readonly string[]): Generator<Uint8Array> {
  const next = random(seed);
  const pool = seeds.map(bytesOf);
  yield* pool;
  for (let round = 0; round < rounds; round += 1) {
    const input = mutate(next, pool, words).subarray(0, longest);
    if (pool.length < 500 && next(4) === 0) pool.push(input);
    yield input;
  }
}

describe('the console on broken input', () => {
  it('reads the same keys however they are cut into pieces, and never a control character as text', () => {
    const next = random(seed + 1);
    for (const input of inputs(typed)) {
      const whole = joined(new KeyReader().read(input));
      const reader = new KeyReader();
      const pieces: Key[] = [];
      for (let at = 0; at < input.length; ) {
        const size = 1 + next(5);
        pieces.push(...reader.read(input.subarray(at, at + size)));
        at += size;
      }
      assert.deepEqual(joined(pieces), whole, JSON.stringify(Buffer.from(input).toString('latin1')));
      for (const key of whole) if (key.name === 'text') assert.doesNotMatch(key.text, /\p{Cc}|\ufffd/u);
    }
  });

  it('has a line of whole characters, no longer than it may be, whatever keys are pressed', () => {
    for (const input of inputs(typed)) {
      const buffer = new LineBuffer();
      for (const key of new KeyReader().read(input)) {
        if (key.name === 'text') buffer.insert(key.text);
        else buffer.edit(key);
        assert.ok(buffer.text.isWellFormed() && buffer.before.isWellFormed() && buffer.after.isWellFormed());
        assert.equal(buffer.before + buffer.after, buffer.text);
        assert.ok(buffer.text.length <= maxLine);
      }
    }
  });

  it('shows the line and the cursor where they are, also where the line is longer than the screen is wide', async () => {
    const columns = 20;
    const prompt = 'ann@box> ';
    const editing: ReadonlySet<string> = new Set([
      'enter',
      'interrupt',
      'end-of-input',
      'tab',
      'redraw',
      'literal-next',
      'up',
      'down',
    ]);
    for (const input of inputs(typed)) {
      // Several rows; to show it is the dearest part.
      const some = input.subarray(0, 120);
      const keys = new KeyReader().read(some).filter((key) => !editing.has(key.name) && key.name !== 'size');
      const model = new LineBuffer();
      for (const key of keys) {
        if (key.name === 'text') model.insert(key.text);
        else model.edit(key);
      }
      const screen = new ScreenModel(columns);
      const stream = new PassThrough();
      const terminal = new Terminal(stream, { columns, rows: 1000 });
      terminal.write = (text) => screen.write(text.replace(/\n/g, '\r\n'));
      const left = [...keys];
      terminal.readKey = async () => left.shift() ?? Promise.reject(new Error('typed'));
      await readLine(terminal, { prompt }).then(
        () => assert.fail('nobody pressed Enter'),
        () => {},
      );
      assert.equal(left.length, 0);
      const cells = [...prompt, ...model.before].length;
      assert.equal(screen.textFrom(0), (prompt + model.text).trimEnd(), JSON.stringify(model.text));
      assert.deepEqual(
        [screen.row, screen.column],
        [Math.floor(cells / columns), cells % columns],
        JSON.stringify(model.text),
      );
    }
  });

  it('understands a line or points into it, and completes to what it understands', async () => {
    const rest = command({
      path: 'take',
      help: 'takes words',
      parameters: [
        { kind: 'word', name: 'first', form: 'word', help: 'a word' },
        { kind: 'option', name: 'count', form: 'number', help: 'how many' },
      ],
      run: async () => ({}),
      render: () => '',
    });
    const tree = new CommandTree([...operationalCommands, rest], commandGroups);
    const operations = {
      outbox: async () => ({ destinations: [{ destination: 'https', waiting: 1, quarantined: 0 }] }),
    } as unknown as Operations;
    const surroundings = {
      operations,
      userClass: 'administrator',
      shell: freshState({ who: 'ann', userClass: 'administrator' }),
      get configurations(): never {
        throw new TypeError('not asked for');
      },
    } as const;
    const start = tree.start(surroundings);
    for (const input of inputs(lines)) {
      const line = Buffer.from(input)
        .toString('utf8')
        .replace(/\p{Cc}/gu, ' ');
      if (/config|commits/.test(line)) continue;
      const matching = await matchLine(line, start);
      if ('mismatch' in matching) {
        assert.ok(matching.mismatch.offset <= line.length + 1, line);
        assert.match(renderMismatch(matching.mismatch, 4), /^ {4} *\^\n./);
      } else if (orderAt(matching.match.place, surroundings) !== undefined) {
        // Written out it means the same.
        const again = await matchLine(quoted(matching.match.words), start);
        assert.ok('match' in again, line);
        assert.deepEqual(again.match.words, matching.match.words);
      }
      const prospect = await prospectOf(line, start);
      if ('mismatch' in prospect || prospect.insert.trim() === '') continue;
      const further = await prospectOf(line + prospect.insert, start);
      assert.ok(!('mismatch' in further), `${line}[${prospect.insert}]`);
    }
  });

  it('splits what was quoted into the words that were quoted', () => {
    for (const input of inputs(lines)) {
      const text = Buffer.from(input)
        .toString('utf8')
        .replace(/\p{Cc}/gu, ' ');
      const { words: split, partial, openQuoteAt } = splitWords(`${quoteWords([text, 'end'])} `);
      assert.equal(openQuoteAt, undefined);
      assert.deepEqual([...split.map((word) => word.text), partial.text], [text, 'end', '']);
    }
  });
});

/** Runs of text as one key: how they come depends on how they were cut. */
function joined(keys: readonly Key[]): readonly Key[] {
  const result: Key[] = [];
  for (const key of keys) {
    const last = result.at(-1);
    if (key.name === 'text' && last?.name === 'text')
      result[result.length - 1] = { name: 'text', text: last.text + key.text };
    else result.push(key);
  }
  return result;
}

/** Pipes are pipes only without quotes. */
const quoted = (list: readonly string[]): string =>
  list.map((word) => (word === '|' ? word : quoteWords([word]))).join(' ');
