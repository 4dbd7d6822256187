import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile, nativeFolder, testFolder } from './compile.ts';

/** Longer than the few seconds that belong to every test run. */
const seconds = Number(process.env.WEIR_FUZZ_SECONDS ?? 5);
const sanitize = '-fsanitize=address,undefined';
const sources = [
  ...['address', 'continuity', 'disposable', 'reorder-window', 'rtcp', 'rtp', 'rtp-sequence'],
  ...['rtsp-framer', 'start-point', 'transport-stream-starts'],
].map((name) => `${nativeFolder}/${name}.cc`);

/** clang with libFuzzer where it is there, else g++ and a driver of our own. */
function fuzzCompiler(folder: string): {
  compiler: string;
  flags: readonly string[];
  driver: readonly string[];
} {
  const probe = join(folder, 'probe.cc');
  writeFileSync(
    probe,
    'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }',
  );
  const flags = [`${sanitize},fuzzer`, '-fno-sanitize-recover=undefined'];
  const built = spawnSync('clang++', [...flags, probe, '-o', join(folder, 'probe')]);
  if (built.status === 0) return { compiler: 'clang++', flags, driver: [] };
  const own = { compiler: process.env.CXX ?? 'g++', driver: [`${testFolder}/fuzz/driver.cc`] };
  return { ...own, flags: [sanitize, '-fno-sanitize-recover=undefined'] };
}

describe('the native parsers, fuzzed from their test tables', () => {
  let folder: string;
  let seeds: string;
  let tool: ReturnType<typeof fuzzCompiler>;

  before(async function () {
    this.timeout(300_000);
    folder = mkdtempSync(join(tmpdir(), 'weir-fuzz-'));
    tool = fuzzCompiler(folder);
    const own = [`${testFolder}/fuzz/seeds.cc`, `${testFolder}/tables.cc`];
    seeds = await compile({ name: 'seeds', compiler: process.env.CXX ?? 'g++', flags: [], sources: own });
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  const targets = [
    { name: 'framer', what: '$ frames and RTSP messages come out the same wherever the stream is cut' },
    {
      name: 'rtp',
      what: 'RTP, RTCP and payload formats are read within their bounds, an IDR is never disposable',
    },
    { name: 'reorder', what: 'whatever order packets come in: out they go in order, once, and in time' },
  ];
  for (const { name, what } of targets) {
    it(what, async function () {
      this.timeout(300_000 + seconds * 1000);
      const { compiler, flags, driver } = tool;
      const program = await compile({
        name: `fuzz-${name}-${compiler}`,
        compiler,
        flags,
        sources: [`${testFolder}/fuzz/${name}.cc`, `${testFolder}/tables.cc`, ...driver, ...sources],
      });
      const corpus = join(folder, name);
      mkdirSync(corpus);
      execFileSync(seeds, [name, corpus]);
      const options = [`-max_total_time=${seconds}`, `-artifact_prefix=${join(tmpdir(), `weir-${name}-`)}`];
      const fuzzed = spawnSync(program, [...options, corpus], { encoding: 'utf8' });
      assert.equal(fuzzed.status, 0, fuzzed.stderr);
    });
  }
});
