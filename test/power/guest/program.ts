import { spawn } from 'node:child_process';
import { WeirError } from '#base';

interface RunOptions {
  readonly cwd?: string;
  /** Exit statuses that are no error; 0 when not given. */
  readonly fine?: readonly number[];
}

/** Runs a program to its end and gives what it printed. An error carries the end of what it complained of. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  return (await runStatus(program, args, options)).printed;
}

/** The same, for a program whose exit status tells something. */
export function runStatus(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<{ readonly status: number; readonly printed: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; printed: string }>();
  const child = spawn(program, args, { cwd: options.cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  let complained = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complained += text;
  });
  child.on('error', (cause) => {
    reject(
      new WeirError('MISSING_PROGRAM', `${program} does not run`, { cause, advice: 'npm run prepower' }),
    );
  });
  child.on('close', (status, signal) => {
    if (status !== null && (options.fine ?? [0]).includes(status)) return resolve({ status, printed });
    const said = `${printed}${complained}`.trim().slice(-500);
    reject(new WeirError('COMMAND_FAILED', `${program} ${args.join(' ')}: ${status ?? signal}: ${said}`));
  });
  return promise;
}
