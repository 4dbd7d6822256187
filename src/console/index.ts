export {
  type Arguments,
  type Command,
  type CommandContext,
  type CommandSpec,
  command,
  type Parameter,
  type User,
  type UserClass,
  userClasses,
} from './command.ts';
export { CommandTree } from './command-tree.ts';
export { commandGroups, operationalCommands } from './commands/index.ts';
export { configurationCommands, configurationTree } from './configuration/index.ts';
export { Console, type ConsoleFacts, revertedText } from './console.ts';
export { serveControlConsole } from './control-console.ts';
export type { AlarmsStatus, Operations } from './operations.ts';
export { hashPassword, shortestPassword } from './password.ts';
export { SerialConsole, type SerialSettings } from './serial-console.ts';
