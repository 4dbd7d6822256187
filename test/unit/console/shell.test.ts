import assert from 'node:assert/strict';
import { WeirError } from '#base';
import { type CommandContext, command } from '../../../src/console/command.ts';
import { maxLine } from '../../../src/console/terminal/index.ts';
import { ScriptedConsole } from './scripted-console.ts';

const viewers = ['v-1', 'v-2'];
const demo = [
  command({
    path: 'show numbers',
    help: 'the numbers',
    parameters: [{ kind: 'option', name: 'upto', form: 'number', help: 'how many' }],
    run: async (_, args) => ({ upto: Number(args.get('upto') ?? 3) }),
    render: ({ upto }) => Array.from({ length: upto }, (_unused, index) => `number ${index + 1}\n`).join(''),
  }),
  command({
    path: 'show names',
    help: 'the names',
    run: async () => ({ names: ['ann', 'Bob'] }),
    render: ({ names }) => names.map((name) => `${name}\n`).join(''),
  }),
  command({
    path: 'clear viewer',
    help: 'ends a viewer',
    needs: 'operator',
    parameters: [
      {
        kind: 'word',
        name: 'id',
        help: 'a viewer',
        choices: () => viewers.map((word) => ({ word, help: 'plays', whole: true })),
      },
    ],
    run: async (_, args) => ({ cleared: args.need('id') }),
    render: ({ cleared }) => `cleared ${cleared}\n`,
  }),
  command({
    path: 'wait',
    help: 'waits for ever',
    run: () => new Promise<never>(() => {}),
    render: () => '',
  }),
  command({
    path: 'count',
    help: 'counts for ever',
    run: async function* () {
      for (let at = 1; ; at += 1) {
        yield { at };
        if (at === 3) await new Promise(() => {});
      }
    },
    render: ({ at }) => `at ${at}\n`,
  }),
  command({
    path: 'show tree',
    help: 'what there is only later',
    parameters: [
      {
        kind: 'rest',
        name: 'path',
        help: 'which part',
        next: () => {
          throw new WeirError('NOT_READY', 'the box is starting', { advice: 'try again' });
        },
      },
    ],
    run: async () => ({}),
    render: () => '',
  }),
  command({
    path: 'rest',
    help: 'does it without a word',
    run: async () => undefined,
    render: () => '',
  }),
  command({
    path: 'fail',
    help: 'fails',
    run: async () => {
      throw new WeirError('COMMAND_FAILED', 'it did not go', { advice: 'try something else' });
    },
    render: () => '',
  }),
  command({
    path: 'rename',
    help: 'asks for a name',
    parameters: [],
    run: async (context: CommandContext) => ({ name: await context.ask('name: ', { secret: true }) }),
    render: ({ name }) => `named ${name.length}\n`,
  }),
  command({
    path: 'exit',
    help: 'leaves',
    run: async ({ shell }) => {
      shell.over = true;
    },
    render: () => '',
  }),
];
const open = (more: Partial<ConstructorParameters<typeof ScriptedConsole>[0]> = {}) =>
  new ScriptedConsole({ commands: demo, groups: { show: 'shows', clear: 'ends' }, ...more });

describe('the shell of the console', () => {
  it('carries out a command that is written out, or as short as it can be', async () => {
    await using console = open();
    await console.sees(/ann@box> /);
    console.type('show numbers upto 2\r');
    assert.match(await console.sees(/ann@box> $/), /number 1\r\nnumber 2\r\n/);
    console.type('sh nu u 1\r');
    assert.match(await console.sees(/ann@box> $/), /number 1\r\nann/);
  });

  it('points at what it does not understand, and says what could stand there', async () => {
    await using console = open();
    console.type('show nobody\r');
    const seen = await console.sees(/ann@box> .*\r\n[\s\S]*ann@box> $/);
    assert.match(
      seen,
      /\r\n {14}\^\r\n"nobody" is unknown here\r\n {2}names +the names\r\n {2}numbers +the numbers/,
    );
    console.type('sh n\r');
    assert.match(await console.sees(/ann@box> $/), /\r\n {12}\^\r\n"n" is ambiguous/);
    console.type('clear viewer\r');
    assert.match(await console.sees(/ann@box> $/), /is missing/);
  });

  it('never takes a part of a name for the whole thing that has it', async () => {
    await using console = open();
    console.type('clear viewer v\r');
    assert.match(await console.sees(/unknown here[\s\S]*ann@box> $/), /v-1 +plays/);
    console.type('clear viewer v-2\r');
    await console.sees(/cleared v-2/);
  });

  it('hides commands from those who may not use them, and does not understand them either', async () => {
    await using console = open({ user: { who: 'eve', userClass: 'viewer' } });
    console.type('?');
    assert.doesNotMatch(await console.sees(/show +shows[\s\S]*box> $/), /clear/);
    console.type('clear viewer v-1\r');
    await console.sees(/"clear" is unknown here/);
  });

  it('lists at "?" what may follow, without Enter, and goes on with the line', async () => {
    await using console = open();
    console.type('show n?');
    assert.match(await console.sees(/ann@box> show n$/), /names +the names\r\n {2}numbers +the numbers\r\n/);
    console.type('ames ?');
    assert.match(await console.sees(/ann@box> show names $/), /<Enter> +carries this out\r\n {2}\| /);
    console.type('\r');
    await console.sees(/ann\r\nBob\r\n/);
  });

  it('completes at Tab as far as it is certain, then lists', async () => {
    await using console = open();
    console.type('sh\tn\t');
    await console.sees(/show n/);
    assert.match(await console.sees(/box> show n$/), /names +the names/);
    console.type('um\tup\t1\r');
    await console.sees(/number 1\r\nann/);
    console.type('cl\tv\tv-\t');
    await console.sees(/v-2 +plays/);
  });

  it('passes answers through pipes', async () => {
    await using console = open();
    const answer = async (line: string) => {
      console.type(`${line}\r`);
      const seen = await console.sees(/\r\n[\s\S]*ann@box> $/);
      return seen.slice(seen.indexOf('\r\n') + 2, seen.lastIndexOf('ann@box> ')).replaceAll('\r', '');
    };
    await console.sees(/ann@box> /);
    assert.equal(await answer('show names | match B'), 'Bob\n');
    assert.equal(await answer('show names|match "zoe|ann"'), 'ann\n');
    assert.equal(await answer('show names | except bob | count'), '1 lines\n');
    assert.equal(await answer('show numbers upto 30 | no-more | last 2'), 'number 29\nnumber 30\n');
    assert.equal(await answer('show names | json'), '{\n  "names": [\n    "ann",\n    "Bob"\n  ]\n}\n');
    assert.match(await answer('show names | last x'), /"x" is no whole number/);
    assert.match(await answer('show names | match "("'), /^$/);
  });

  it('shows a long answer a screen at a time', async () => {
    await using console = open({ size: { columns: 80, rows: 5 } });
    console.type('show numbers upto 20\r');
    assert.match(await console.sees(/---\(more\)---/), /number 4\r\n---/);
    console.type('\r');
    assert.match(await console.sees(/---\(more\)---/), /number 5\r\n---/);
    console.type(' ');
    assert.match(await console.sees(/---\(more\)---/), /number 9\r\n---/);
    console.type('q');
    assert.doesNotMatch(await console.sees(/ann@box> $/), /number 10/);
    console.type('show numbers upto 20\r');
    await console.sees(/---\(more\)---/);
    console.type('G');
    await console.sees(/number 20\r\nann@box> $/);
    console.type('show numbers upto 20\r');
    await console.sees(/---\(more\)---/);
    console.type('\x03show names\r');
    await console.sees(/Bob/);
  });

  it('comes back to the prompt at ^C, also from what does not listen', async () => {
    await using console = open();
    console.type('wait\r');
    await console.sees(/wait\r\n/);
    console.type('\x03');
    await console.sees(/\^C\r\nann@box> $/);
    console.type('count\r');
    await console.sees(/at 3\r\n/);
    console.type('\x03');
    await console.sees(/\^C\r\nann@box> $/);
    console.type('half a li\x03');
    await console.sees(/\^C\r\nann@box> $/);
  });

  it('forgets at ^C what was typed ahead', async () => {
    await using console = open();
    console.type('wait\r');
    await console.sees(/wait\r\n/);
    console.type('show names\rshow names\r\x03');
    assert.doesNotMatch(await console.sees(/\^C\r\nann@box> $/), /Bob/);
    console.type('show numbers\r');
    assert.doesNotMatch(await console.sees(/number 3/), /Bob/);
  });

  it('says what failed and what to do about it', async () => {
    await using console = open();
    console.type('fail\r');
    await console.sees(/error: it did not go -> try something else\r\nann@box> $/);
  });

  it('goes on when what may stand in a line cannot be told now', async () => {
    await using console = open();
    assert.equal(await console.command('show tree'), 'error: the box is starting -> try again\n');
    for (const key of ['?', '\t']) {
      console.type(`show tree ${key}`);
      await console.sees(/show tree \r\nthe box is starting -> try again\r\nann@box> show tree $/);
      console.type('\x15');
      await console.sees(/ann@box> $/);
    }
    assert.equal(await console.command('show names'), 'ann\nBob\n');
  });

  it('says null where JSON is wanted of a command that says nothing', async () => {
    await using console = open();
    assert.equal(await console.command('rest | json'), 'null\n');
  });

  it('takes "?" for a character within quotes and in a URL', async () => {
    await using console = open();
    console.type('show "a?b" c\r');
    await console.sees(/show "a\?b" c\r\n {14}\^/);
    console.type('show rtsp://a/b?c=1\r');
    await console.sees(/show rtsp:\/\/a\/b\?c=1\r\n {14}\^/);
  });

  it('carries out a line as long as a line may be, and nothing of one that is longer by a character', async () => {
    await using console = open({ patienceMs: 10_000 });
    const line = (length: number) => `show names ${' '.repeat(length - 18)}| count`;
    console.type(`${line(maxLine)}\r`);
    await console.sees(/2 lines[\s\S]*> $/);
    console.type(`${line(maxLine + 1)}\rshow numbers\r`);
    const seen = await console.sees(
      /error: the line has more than 65536 characters[\s\S]*number 3[\s\S]*> $/,
    );
    assert.doesNotMatch(seen, /Bob|lines\r/);
  });

  it('carries out nothing of a line that has become too long by what was put back into it', async () => {
    await using console = open({ patienceMs: 10_000 });
    // Half a line is cut, and put back three times: the end of the last time has no room.
    console.type(`show names ${' '.repeat(maxLine / 2)}\x15\x19\x19\x19\r`);
    const seen = await console.sees(/error: the line has more than[\s\S]*> $/);
    assert.doesNotMatch(seen, /Bob/);
  });

  it('does not bring back the part of a line that had room', async () => {
    await using console = open({ patienceMs: 10_000 });
    assert.equal(await console.command('show names | count'), '2 lines\n');
    console.type(`show names ${' '.repeat(maxLine)}\x10\x0e\r`);
    assert.doesNotMatch(await console.sees(/error: the line has more than[\s\S]*> $/), /Bob|lines\r/);
  });

  it('does not show what it asks for as a secret', async () => {
    await using console = open();
    console.type('rename\r');
    await console.sees(/name: /);
    console.type('hunter2\r');
    assert.doesNotMatch(await console.sees(/named 7/), /hunter/);
    assert.deepEqual(console.history.lines(), ['rename']);
  });

  it('is over at "exit", at ^D on an empty line, and when the line is cut', async () => {
    for (const end of ['exit\r', '\x04']) {
      await using console = open();
      console.type(end);
      await console.over;
    }
    const cut = open();
    cut.type('wait\r');
    await cut.sees(/wait\r\n/);
    cut.hangUp();
    await assert.rejects(cut.over, { code: 'CONSOLE_CLOSED' });
  });
});
