export {
  type Arguments,
  type Command,
  type CommandContext,
  type CommandSpec,
  command,
  type Parameter,
  type UserClass,
  userClasses,
} from './command.ts';
export { CommandTree } from './command-tree.ts';
export { commandGroups, operationalCommands } from './commands/index.ts';
export type { AlarmsStatus, Operations } from './operations.ts';
