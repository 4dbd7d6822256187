import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile, engineSources, testFolder } from './compile.ts';

const root = join(import.meta.dirname, '..', '..');
const sources = globSync(`${testFolder}/*.cc`, { cwd: root }).sort();

/** The names of the cases, as their sources tell them: mocha wants them before anything is built. */
const names = sources
  .flatMap((path) => [...readFileSync(join(root, path), 'utf8').matchAll(/^TEST\("(.*)"\)/gm)])
  .map((match) => match[1] ?? '');

interface Outcome {
  readonly result: string;
  readonly detail: string;
}

/** Runs the whole program once; address randomisation with many bits leaves ThreadSanitizer no room. */
function runAll(program: string): { outcomes: Map<string, Outcome>; status: number | null; report: string } {
  const { stdout, stderr, status } = spawnSync('setarch', ['--addr-no-randomize', program], {
    encoding: 'utf8',
    timeout: 600_000,
  });
  const outcomes = new Map<string, Outcome>();
  for (const line of stdout.split('\n')) {
    const [result = '', name = '', detail = ''] = line.split('\t');
    outcomes.set(name, { result, detail });
  }
  return { outcomes, status, report: stderr };
}

const sanitizers = [
  {
    name: 'address and undefined behaviour sanitizers',
    folder: 'asan',
    flags: ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined', '-fno-omit-frame-pointer'],
  },
  { name: 'thread sanitizer', folder: 'tsan', flags: ['-fsanitize=thread'] },
];

for (const { name: sanitizer, folder, flags } of sanitizers) {
  describe(`the native engine under ${sanitizer}`, () => {
    let ran: ReturnType<typeof runAll>;

    before(async function () {
      this.timeout(1_200_000);
      const program = { name: folder, compiler: process.env.CXX ?? 'g++', flags };
      ran = runAll(await compile({ ...program, sources: [...engineSources(), ...sources] }));
    });

    for (const name of names) {
      it(name, function () {
        const outcome = ran.outcomes.get(name) ?? { result: 'was not run', detail: ran.report };
        if (outcome.result === 'skip') this.skip();
        assert.equal(outcome.result, 'ok', outcome.detail);
      });
    }

    it('ends without a word from the sanitizer', () => {
      assert.equal(ran.report, '');
      assert.equal(ran.status, [...ran.outcomes.values()].some(({ result }) => result === 'not ok') ? 1 : 0);
    });
  });
}
