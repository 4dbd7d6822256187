/** What `sandbox.test.ts` runs inside a sandbox: says what it sees, as JSON lines. */
import { spawn } from 'node:child_process';
import { isWeirError } from '#base';
import { createWorld, enterSandbox } from '../../src/demo/world/index.ts';

const say = (fact: object): boolean => process.stdout.write(`${JSON.stringify(fact)}\n`);

async function inside(task: string | undefined, words: readonly string[]): Promise<void> {
  switch (task) {
    case 'look':
      say({ words, stdin: process.stdin.isTTY ?? false, stdout: process.stdout.isTTY ?? false });
      process.exitCode = 42;
      return;
    case 'copy':
      process.stdin.pipe(process.stdout);
      return;
    case 'die':
      process.kill(process.pid, 'SIGUSR2');
      return;
    case 'signals': {
      let caught = 0;
      const keep = setInterval(() => {}, 1000);
      for (const signal of ['SIGINT', 'SIGTERM'] as const) {
        process.on(signal, () => {
          caught += 1;
          // A second one would come with the first.
          if (caught === 1) setTimeout(() => clearInterval(keep), 300);
          say({ signal, caught });
        });
      }
      say({ ready: true });
      return;
    }
    case 'crowd': {
      // Processes that end by nothing but SIGKILL: a world, one in its own session, and one that is stuck.
      const world = await createWorld();
      await world.viewer.host.spawn('sh', ['-c', `trap "" TERM HUP INT; : ${words[0]}; sleep 1000; :`]);
      spawn('setsid', ['sh', '-c', `trap "" TERM HUP INT; : ${words[0]}; sleep 1000; :`], {
        detached: true,
        stdio: 'ignore',
      });
      say({ ready: true, reaches: await world.viewer.host.run('ping', ['-c', '1', world.origin.address4]) });
      for (;;); // its event loop answers nobody any more
    }
  }
}

const [task, ...words] = process.argv.slice(2);
try {
  if (task === 'build-outside') await createWorld();
  const sandbox = await enterSandbox();
  if (sandbox.inside) await inside(task, words);
  else process.exitCode = sandbox.exitCode;
} catch (error) {
  if (!isWeirError(error)) throw error;
  process.stderr.write(`${error.code}: ${error.describe()}\n`);
  process.exitCode = 2;
}
