export { outboxCommand } from './outbox-command.ts';
export type { Output } from './output.ts';
export { recordsCommand, verifyCommand } from './records-command.ts';
