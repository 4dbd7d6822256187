export { type Match, type Matching, type Mismatch, matchLine, type Prospect, prospectOf } from './matcher.ts';
export { type Choice, type Next, notANumber, nothingFollows, type Place } from './next.ts';
export { type Pipe, PipedPlace } from './pipes.ts';
export { splitWords, type Word, type Words } from './words.ts';
