import type { Command } from '../command.ts';
import { configurationCommands } from '../configuration/index.ts';
import { alarmCommands } from './alarms.ts';
import { outboxCommands } from './outbox.ts';
import { relayCommands } from './relay.ts';
import { sessionCommands } from './session.ts';
import { updateCommands } from './update.ts';

/** Every command of the operational mode. A noun's commands are in the file of that noun, and here is where it is entered. */
export const operationalCommands: readonly Command[] = [
  ...alarmCommands,
  ...configurationCommands,
  ...outboxCommands,
  ...relayCommands,
  ...sessionCommands,
  ...updateCommands,
];

/** What `?` says of words that only lead to commands. */
export const commandGroups: Readonly<Record<string, string>> = {
  request: 'orders to the box',
  'request outbox': 'deliveries of records',
  'request system': 'the box as a whole',
  show: 'shows something',
};
