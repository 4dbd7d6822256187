/**
 * A source as a process of its own: `source-process.ts ADDRESS PORT [OPTIONS_JSON]`. Prints `ready`, then a line of JSON for
 * each line on its standard input: `counters`, or `parameters`, the SET_PARAMETER bodies so far.
 */
import { createInterface } from 'node:readline';
import { describeError } from '#base';
import { type SourceOptions, startSource } from './index.ts';

const [address = '127.0.0.1', port = '554', json = '{}'] = process.argv.slice(2);
try {
  const options = JSON.parse(json) as Partial<SourceOptions>;
  const source = await startSource({ ...options, address, port: Number(port) });
  console.log('ready');
  const commands = createInterface({ input: process.stdin });
  commands.on('line', (command) => {
    if (command === 'counters') console.log(JSON.stringify(source.counters()));
    if (command === 'parameters') console.log(JSON.stringify(source.parameters));
  });
  await new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
  commands.close();
  await source.close();
} catch (error) {
  console.error(describeError(error));
  process.exitCode = 1;
}
