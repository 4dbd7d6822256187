import { constants } from 'node:os';
import { describeError, isWeirError, WeirError } from '#base';
import { enterSandbox } from '../src/demo/world/index.ts';

/** A program that measures or breaks things, in a sandbox of its own. */
export interface Command<Options> {
  /** What `npm run` calls it. */
  readonly name: string;
  readonly usage: string;
  /** Outside of the sandbox, where there is a network, and again inside. Throws USAGE when the arguments are none. */
  readonly prepare: (args: string[]) => Options | Promise<Options>;
  /** Inside. `onStop` takes what is to be done when a signal ends the program before its time. */
  readonly run: (options: Options, onStop: (last: () => void) => void) => Promise<void>;
}

/** Runs this process's command. Its exit status: 1 when it failed, 2 for wrong arguments, 128 and the signal's number when stopped. */
export async function runCommand<Options>({ name, usage, prepare, run }: Command<Options>): Promise<void> {
  const args = process.argv.slice(2);
  if (args.includes('--help')) return void console.log(usage);
  try {
    const options = await prepare(args);
    const sandbox = await enterSandbox();
    if (!sandbox.inside) {
      process.exitCode = sandbox.exitCode;
      return;
    }
    let last = () => {};
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        last();
        process.exit(128 + constants.signals[signal]);
      });
    }
    await run(options, (given) => {
      last = given;
    });
  } catch (error) {
    const wrong = isWeirError(error, 'USAGE') || isOfParseArgs(error);
    console.error(`${name}: ${describeError(error)}`);
    if (wrong) console.error(usage);
    else if (!isWeirError(error)) console.error((error as Error).stack);
    process.exitCode = wrong ? 2 : 1;
  }
}

/** What `parseArgs` says about options that it does not know, or without a value. */
const isOfParseArgs = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && /^ERR_PARSE_ARGS_/.test(String(error.code));

/** The value of option `name`. */
export function wholeNumber(name: string, text: string, least = 1): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new WeirError('USAGE', `--${name} takes a whole number from ${least} on, not "${text}"`);
}
