/**
 * `FUZZ_SECONDS=600 FUZZ_SEED=7 npm test -- test/fuzz/fuzz.test.ts` tries longer, or elsewhere. An input that breaks
 * something is made small and kept in `test/fuzz/corpus/TARGET/`, from where it is tried first ever after.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '#base';
import { type FuzzTarget, fuzz, tryInput } from './fuzz.ts';
import { rtspTargets } from './rtsp-targets.ts';

const seconds = Number(process.env.FUZZ_SECONDS ?? 1);
const seed = Number(process.env.FUZZ_SEED ?? 1);
const corpus = join(import.meta.dirname, 'corpus');

const corpusOf = (name: string): string[] => {
  const folder = join(corpus, name);
  return existsSync(folder) ? readdirSync(folder).map((file) => join(folder, file)) : [];
};

function keep(name: string, input: Uint8Array): string {
  const file = join(corpus, name, createHash('sha256').update(input).digest('hex').slice(0, 16));
  mkdirSync(join(corpus, name), { recursive: true });
  writeFileSync(file, input);
  return file;
}

describe('parsers on broken input', () => {
  for (const target of rtspTargets) {
    it(`${target.name} holds for what once broke it, and for ${seconds} s of mutations`, function () {
      this.timeout(seconds * 1000 + 30_000);
      for (const file of corpusOf(target.name)) tryInput(target, new Uint8Array(readFileSync(file)));
      const endMs = performance.now() + seconds * 1000;
      const { rounds, outcomes, finding } = fuzz(target, { seed, until: () => performance.now() > endMs });
      if (finding) {
        const file = keep(target.name, finding.input);
        throw new Error(`FUZZ_SEED=${seed}, round ${finding.round}; kept as ${file}`, {
          cause: finding.error,
        });
      }
      assert.ok(rounds > 500, `only ${rounds} inputs in ${seconds} s`);
      assert.ok(outcomes > 2, `only ${outcomes} different outcomes in ${rounds} inputs`);
    });
  }
});

describe('the fuzzer', () => {
  const planted: FuzzTarget = {
    name: 'planted',
    seeds: [new Uint8Array(Buffer.from('Content-Length: 12\r\n\r\n'))],
    words: ['Session'],
    allowed: ['RTSP_BAD_MESSAGE'],
    run(bytes) {
      const text = Buffer.from(bytes).toString('latin1');
      if (/: 65536\r/.test(text)) throw new RangeError('planted');
      return String(text.length % 5);
    },
  };
  const enough = (rounds: number) => rounds > 200_000;

  it('finds a planted fault, and makes its input as small as can be', () => {
    const { finding } = fuzz(planted, { seed: 1, until: enough });
    assert.ok(finding?.error instanceof RangeError);
    assert.equal(Buffer.from(finding.input).toString('latin1'), ': 65536\r');
  }).timeout(30_000);

  it('tries the same inputs for the same seed, others for another', () => {
    const inputs = (seed: number) => {
      const tried = createHash('sha256');
      const run = (bytes: Uint8Array) => String(tried.update(bytes) && bytes.length % 7);
      fuzz({ ...planted, run }, { seed, until: (rounds) => rounds >= 2000 });
      return tried.digest('hex');
    };
    assert.equal(inputs(5), inputs(5));
    assert.notEqual(inputs(5), inputs(6));
  });

  it('reports an input that takes too long, and one that fails with a code it must not', () => {
    const busy = () => {
      // Of the processor's time: on a busy machine 150 ms may pass with little of it. And of this thread: with those that
      // compile and collect beside it, less than 100 ms may pass with 150.
      const before = process.threadCpuUsage();
      for (let spentUs = 0; spentUs < 150_000; ) {
        const { user, system } = process.threadCpuUsage(before);
        spentUs = user + system;
      }
      return '';
    };
    assert.throws(() => tryInput({ ...planted, run: busy }, new Uint8Array(3)), /3 bytes take/);
    const refuse = () => {
      throw new WeirError('RTSP_BAD_MESSAGE', 'no');
    };
    assert.equal(tryInput({ ...planted, run: refuse }, new Uint8Array(0)), 'refused: no');
    const forbidden = { ...planted, allowed: [], run: refuse };
    assert.throws(() => tryInput(forbidden, new Uint8Array(0)), { code: 'RTSP_BAD_MESSAGE' });
  });
});
