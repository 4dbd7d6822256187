/** `main-thread.ts end|exit|throw`: how a process may end while its datapath is busy. */
import { busyDatapath } from './busy-datapath.ts';

// What the datapath owns keeps no process alive, nor do its unreferenced far ends: hold on until it is busy.
const hold = setTimeout(() => {}, 10_000);
await busyDatapath();
clearTimeout(hold);
const [how] = process.argv.slice(2);
if (how === 'exit') process.exit(0);
if (how === 'throw') throw new Error('nobody catches this');
