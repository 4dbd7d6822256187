/** What `command.test.ts` runs. */
import { parseArgs } from 'node:util';
import { WeirError } from '#base';
import { runCommand, wholeNumber } from '../command.ts';

await runCommand({
  name: 'example',
  usage: 'usage: example [--times N] [TASK]',
  prepare: (args) => {
    const { values, positionals } = parseArgs({
      args,
      options: { times: { type: 'string', default: '1' } },
      allowPositionals: true,
    });
    return { times: wholeNumber('times', values.times), task: positionals[0] };
  },
  run: async ({ times, task }, onStop) => {
    switch (task) {
      case 'refuse':
        throw new WeirError('COMMAND_FAILED', 'not today');
      case 'stumble':
        throw new TypeError('a mistake');
      case 'find':
        process.exitCode = 1;
        break;
      case 'wait':
        onStop(() => console.log('so far'));
        setInterval(() => {}, 1000);
        console.log('begun');
        await new Promise(() => {});
    }
    console.log('done '.repeat(times));
  },
});
