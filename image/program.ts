import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { WeirError } from '#base';

export interface RunOptions {
  readonly cwd?: string;
  /** Replaces variables of this process; `undefined` takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: string;
  /** File that gets what is printed, instead of the caller. */
  readonly outputFile?: string;
}

/** A user's PATH often lacks the folders of the administrator's programs. */
const searchPath = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;

/** Runs a tool of the build to its end and gives what it printed. An error carries the end of what it complained of. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(program, args, {
    cwd: options.cwd,
    // Tools sort and print by locale, and mksquashfs refuses SOURCE_DATE_EPOCH beside its own options.
    env: {
      ...process.env,
      PATH: searchPath,
      LC_ALL: 'C.UTF-8',
      TZ: 'UTC',
      SOURCE_DATE_EPOCH: undefined,
      ...options.env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let printed = '';
  let complained = '';
  const file = options.outputFile === undefined ? undefined : createWriteStream(options.outputFile);
  if (file) child.stdout.pipe(file);
  else {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  }
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complained += text;
  });
  child.stdin.on('error', () => {}); // A tool that did not want its input has another way to say so.
  child.stdin.end(options.input ?? '');
  child.on('error', (cause) => {
    reject(
      new WeirError('MISSING_PROGRAM', `${program} does not run: ${cause.message}`, {
        cause,
        advice: 'npm run preimage',
      }),
    );
  });
  child.on('close', (status, signal) => {
    if (status === 0) return resolve(printed);
    const said = `${printed}\n${complained}`.trim().slice(-800);
    reject(
      new WeirError(
        'COMMAND_FAILED',
        `${program} ${args.slice(0, 4).join(' ')}: ${status ?? signal}: ${said}`,
      ),
    );
  });
  const output = await promise;
  if (file) await finished(file);
  return output;
}
