export { type SetParameters, type Source, type SourceOptions, startSource } from './source.ts';
export type { SourceCounters } from './source-counters.ts';
