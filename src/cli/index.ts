export { consoleRequest, runLines, talkToConsole } from './console-command.ts';
export { parseMoment } from './moment.ts';
export { outboxCommand } from './outbox-command.ts';
export { type Output, streamOutput } from './output.ts';
export { keyCommand, recordsCommand, verifyCommand } from './records-command.ts';
