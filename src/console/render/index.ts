export { type Column, renderFacts, renderTable } from './table.ts';
