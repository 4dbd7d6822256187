/** A box that commits on and on until it is killed. It says before and after each step what it does. */
import { writeSync } from 'node:fs';
import { systemClock } from '#base';
import type { Configurations } from '../../../src/config/index.ts';
import { BoxFolder, named } from './box-folder.ts';

const [path = '', from = '0', order = ''] = process.argv.slice(2);
const say = (what: string, name: string) => writeSync(1, `${what} ${name}\n`);

/** One letter a step: a plain commit, one that is confirmed, one that is left to be. */
const steps: Readonly<Record<string, (configurations: Configurations, name: string) => Promise<void>>> = {
  p: async (configurations, name) => {
    say('commits', name);
    await configurations.commit(named(configurations, name), { who: 'child' });
    say('committed', name);
  },
  c: async (configurations, name) => {
    say('tries', name);
    await configurations.commit(named(configurations, name), { who: 'child', confirmMinutes: 5 });
    say('tried', name);
    say('commits', name);
    await configurations.confirm();
    say('committed', name);
  },
  t: async (configurations, name) => {
    say('tries', name);
    await configurations.commit(named(configurations, name), { who: 'child', confirmMinutes: 5 });
    say('tried', name);
  },
};

say('opens', '-');
const { configurations } = await BoxFolder.at(path).open(systemClock);
say('opened', configurations.config?.system.name ?? '-');
for (let number = Number(from), at = 0; ; number++, at++) {
  // The first one has nothing to go back to.
  const step = configurations.config ? order[at % order.length] : 'p';
  await steps[step ?? 'p']?.(configurations, `n${number}`);
}
