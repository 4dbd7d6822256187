#!/usr/bin/env node
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { describeError, isWeirError, systemClock, WeirError, weirVersion } from '#base';
import type { StoreReader } from '#storage';
import type { OutboxStatus } from './operations/index.ts';

const usage = `usage:
  weir run --config FILE --data DIR [--console PORT]
                                      relay, until it is told to stop; PORT: serial port with the
                                      console as long as the configuration names none
  weir console --data DIR             the operator's console of the daemon of that data folder, see docs/console.md
  weir console -c COMMAND... --data DIR
                                      carries out these commands; without -c and terminal those on standard input
  weir show WHAT --data DIR           what the daemon of that data folder tells: relay, alarms, outbox
  weir records [--since T] [--until T] [--json | --csv] --data DIR
                                      the sessions that were billed, beside the daemon or without it
  weir records key --data DIR         the public key of the box, for verify
  weir records verify FILE [--key FILE] [--json]
                                      proves what \`weir records --json\` wrote
  weir outbox [--json] --data DIR     what waits to be delivered, for whom, since when
  weir outbox requeue DESTINATION --data DIR
                                      what it refused is delivered again
  weir outbox abandon DESTINATION --data DIR
                                      gives up what waits for a receiver that is no more
  weir demo [--seconds N]             the main job on this one machine
  weir version
  weir help`;

async function main(args: string[]): Promise<void> {
  const [command = 'help', ...rest] = args;
  switch (command) {
    case 'run': {
      const types = {
        config: { type: 'string' },
        data: { type: 'string' },
        console: { type: 'string' },
      } as const;
      const { config, data, console: port } = options(rest, types);
      if (!config || !data) throw new WeirError('USAGE', 'run needs --config FILE and --data DIR');
      const { run } = await import('./run.ts');
      return run(config, data, port);
    }
    case 'console':
      process.exitCode = await openConsole(rest);
      return;
    case 'show': {
      const [what = '', ...flags] = rest;
      const { data } = options(flags, { data: { type: 'string' } });
      if (!what || what.startsWith('-') || !data)
        throw new WeirError('USAGE', 'show needs WHAT and --data DIR');
      const { askDaemon } = await import('./status/index.ts');
      console.log(JSON.stringify(await askDaemon(data, `show ${what}`), undefined, 2));
      return;
    }
    case 'records':
      if (rest[0] === 'verify') return verifyRecords(rest.slice(1));
      return rest[0] === 'key' ? recordsKey(rest.slice(1)) : records(rest);
    case 'outbox': {
      if (rest[0] === 'requeue' || rest[0] === 'abandon') return orderOutbox(rest[0], rest.slice(1));
      const { data, json } = options(rest, { data: { type: 'string' }, json: { type: 'boolean' } });
      const { outboxCommand, streamOutput } = await import('./cli/index.ts');
      return outboxCommand(await outbox(data), { json: json === true }, streamOutput(process.stdout));
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

/** Whoever waits longer than that is told that they do. */
const openingMs = 1000;

/** Talks to the daemon: for a person at a terminal, or a script. */
async function openConsole(args: string[]): Promise<number> {
  const { values } = parsed(args, {
    data: { type: 'string' },
    command: { type: 'string', short: 'c', multiple: true },
  });
  if (!values.data) throw new WeirError('USAGE', 'console needs --data DIR');
  const { consoleRequest, runLines, talkToConsole } = await import('./cli/index.ts');
  const { openDaemonStream } = await import('./status/index.ts');
  const { stdin, stdout, stderr } = process;
  const commands = values.command ?? (stdin.isTTY ? undefined : (await text(stdin)).split(/\r?\n/));
  const request = consoleRequest({ script: commands !== undefined, terminal: stdout });
  const opening = openDaemonStream(values.data, 'console', request);
  if (commands) return runLines(await opening, commands, stdout, stderr);
  // The terminal is not raw yet: ^C ends this process.
  const waiting = setTimeout(() => {
    stderr.write('Weir does not answer yet: wait, or leave with ^C\n');
  }, openingMs);
  const stream = await opening.finally(() => clearTimeout(waiting));
  return talkToConsole(stream, { input: stdin, output: stdout });
}

/** As the running daemon tells it, as it knows how destinations do; without one, as it is stored. */
async function outbox(data: string | undefined): Promise<OutboxStatus> {
  if (!data) throw new WeirError('USAGE', 'outbox needs --data DIR');
  const { askDaemon } = await import('./status/index.ts');
  try {
    return (await askDaemon(data, 'show outbox')) as OutboxStatus;
  } catch (error) {
    if (!isWeirError(error, 'CONTROL_UNREACHABLE')) throw error;
  }
  const { openReader } = await import('#storage');
  const { outboxStatus } = await import('./operations/index.ts');
  await using reader = await openReader(data);
  return outboxStatus(reader);
}

/** Only the daemon writes: it must run. */
async function orderOutbox(order: 'requeue' | 'abandon', args: string[]): Promise<void> {
  const [destination = '', ...flags] = args;
  const { data } = options(flags, { data: { type: 'string' } });
  if (!destination || destination.startsWith('-') || !data) {
    throw new WeirError('USAGE', `outbox ${order} needs DESTINATION and --data DIR`);
  }
  const { askDaemon } = await import('./status/index.ts');
  const told = await askDaemon(data, `outbox ${order}`, destination);
  if (typeof told === 'object' && told !== null && 'error' in told) {
    throw new WeirError('COMMAND_FAILED', String(told.error));
  }
  console.log(JSON.stringify(told));
}

async function records(args: string[]): Promise<void> {
  const { data, since, until, json, csv } = options(args, {
    data: { type: 'string' },
    since: { type: 'string' },
    until: { type: 'string' },
    json: { type: 'boolean' },
    csv: { type: 'boolean' },
  });
  if (json && csv) throw new WeirError('USAGE', 'records are written as --json or as --csv');
  await withRecords('records', data, (reader, cli) => {
    const nowMs = systemClock.nowMs();
    const moment = (text: string | undefined) =>
      text === undefined ? undefined : cli.parseMoment(text, nowMs);
    const damaged = (sequences: readonly number[]) => {
      console.error(`weir: left out, not as they were written: ${sequences.join(', ')}`);
      process.exitCode = 1;
    };
    const query = { since: moment(since), until: moment(until), damaged };
    const format = json ? 'json' : csv ? 'csv' : 'text';
    return cli.recordsCommand(reader, { query, format, nowMs }, cli.streamOutput(process.stdout));
  });
}

async function recordsKey(args: string[]): Promise<void> {
  const { data } = options(args, { data: { type: 'string' } });
  await withRecords('records key', data, (reader, cli) =>
    cli.keyCommand(reader, cli.streamOutput(process.stdout)),
  );
}

async function verifyRecords(args: string[]): Promise<void> {
  const [file = '', ...flags] = args;
  const { key, json } = options(flags, { key: { type: 'string' }, json: { type: 'boolean' } });
  if (!file || file.startsWith('-')) throw new WeirError('USAGE', 'records verify needs FILE');
  const { streamOutput, verifyCommand } = await import('./cli/index.ts');
  const command = { file, keyFile: key, json: json === true };
  if (!(await verifyCommand(command, streamOutput(process.stdout)))) process.exitCode = 1;
}

async function withRecords(
  command: string,
  data: string | undefined,
  run: (reader: StoreReader, cli: typeof import('./cli/index.ts')) => Promise<void>,
): Promise<void> {
  if (!data) throw new WeirError('USAGE', `${command} needs --data DIR`);
  const { openReader } = await import('#storage');
  await using reader = await openReader(data);
  await run(reader, await import('./cli/index.ts'));
}

type OptionTypes = Record<string, { type: 'string' | 'boolean'; short?: string; multiple?: boolean }>;
type Values<T> = {
  [K in keyof T]: (T[K] extends { type: 'boolean' } ? boolean : string) | undefined;
};

function options<T extends Record<string, { type: 'string' | 'boolean' }>>(
  args: string[],
  known: T,
): Values<T> {
  return parsed(args, known).values as unknown as Values<T>;
}

function parsed<T extends OptionTypes>(args: string[], known: T) {
  try {
    return parseArgs({ args, options: known, strict: true });
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
