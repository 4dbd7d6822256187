#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { describeError, isWeirError, WeirError, weirVersion } from '#base';

const usage = `usage:
  weir run --config FILE --data DIR   relay, until it is told to stop
  weir demo [--seconds N]             the main job on this one machine
  weir version
  weir help`;

async function main(args: string[]): Promise<void> {
  const [command = 'help', ...rest] = args;
  switch (command) {
    case 'run': {
      const { config, data } = options(rest, { config: { type: 'string' }, data: { type: 'string' } });
      if (!config || !data) throw new WeirError('USAGE', 'run needs --config FILE and --data DIR');
      const { run } = await import('./run.ts');
      return run(config, data);
    }
    case 'demo': {
      const { seconds } = options(rest, { seconds: { type: 'string' } });
      const { demo } = await import('./demo/index.ts');
      return demo({ seconds: seconds === undefined ? undefined : Number(seconds) });
    }
    case 'version':
      console.log(weirVersion);
      return;
    case 'help':
      console.log(usage);
      return;
    default:
      throw new WeirError('USAGE', `no command "${command}"`);
  }
}

function options<T extends Record<string, { type: 'string' }>>(
  args: string[],
  known: T,
): { [K in keyof T]: string | undefined } {
  try {
    return parseArgs({ args, options: known, strict: true }).values as unknown as {
      [K in keyof T]: string | undefined;
    };
  } catch (error) {
    throw new WeirError('USAGE', (error as Error).message);
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`weir: ${describeError(error)}`);
  if (isWeirError(error, 'USAGE')) console.error(usage);
  if (!isWeirError(error)) console.error((error as Error).stack);
  process.exitCode = isWeirError(error, 'USAGE') ? 2 : 1;
});
