import { createLog } from '#base';
import { openDatapath } from '../../../hal/datapath/datapath.ts';

/** Prints whether the kernel clones with the rights that this process has, and how often the log complained. */
let warnings = 0;
const write = () => {
  warnings += 1;
};
const log = createLog({ write, level: () => 'warn', nowMs: () => 0 });
await using datapath = openDatapath({ log, realtime: false, cloning: true });
await datapath.cloneAt(1);
const { by, why } = datapath.fanOut();
process.stdout.write(JSON.stringify({ by, why, warnings }));
