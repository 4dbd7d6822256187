export { History } from './history.ts';
export { type Key, KeyReader } from './keys.ts';
export { LineBuffer, maxLine } from './line-buffer.ts';
export { page } from './pager.ts';
export { type Helper, type LineRead, type ReadLineOptions, readLine } from './read-line.ts';
export { plainSize, type Size, Terminal } from './terminal.ts';
