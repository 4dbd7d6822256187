import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const repetitions = 20;

/** How a Node process ended. */
async function run(
  script: string,
  ...args: string[]
): Promise<{ status: number | null; signal: string | null }> {
  const file = join(import.meta.dirname, 'exits', script);
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [status, signal] = await once(child, 'close');
  if (signal !== null || said.includes('FATAL'))
    assert.fail(`${script} ${args.join(' ')}: ${signal} ${said}`);
  return { status, signal };
}

describe('a process whose datapath is busy and was not closed ends cleanly, 20 times of 20,', function () {
  this.timeout(120_000);

  for (const [name, how, status] of [
    ['when nothing is left to do', 'end', 0],
    ['by process.exit', 'exit', 0],
    ['by an uncaught error', 'throw', 1],
  ] as const) {
    it(name, async () => {
      for (let each = 0; each < repetitions; each += 1) {
        assert.deepEqual(await run('main-thread.ts', how), { status, signal: null });
      }
    });
  }

  for (const [name, how] of [
    ['when its worker ends', 'end'],
    ['when its worker calls process.exit', 'exit'],
    ['when its worker is terminated', 'terminate'],
  ] as const) {
    it(name, async () => {
      assert.deepEqual(await run('worker-thread.ts', how, String(repetitions)), { status: 0, signal: null });
    });
  }

  it('by process.exit while a worker has the datapath', async () => {
    for (let each = 0; each < repetitions; each += 1) {
      assert.deepEqual(await run('worker-thread.ts', 'abandon', '1'), { status: 0, signal: null });
    }
  });
});
