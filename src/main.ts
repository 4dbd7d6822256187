#!/usr/bin/env node
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeError, isWeirError, WeirError, weirVersion } from '#base';

const usage = `usage:
  weir run --config FILE --data DIR   relay, until it is told to stop
  weir show WHAT --data DIR           what the daemon of that data folder tells: relay, alarms
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
    case 'show': {
      const [what = '', ...flags] = rest;
      const { data } = options(flags, { data: { type: 'string' } });
      if (!what || what.startsWith('-') || !data)
        throw new WeirError('USAGE', 'show needs WHAT and --data DIR');
      const { askControl } = await import('./status/index.ts');
      console.log(JSON.stringify(await askControl(join(data, 'control.sock'), `show ${what}`), undefined, 2));
      return;
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
