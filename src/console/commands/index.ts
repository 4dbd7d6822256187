import type { Command } from '../command.ts';
import { configurationCommands } from '../configuration/index.ts';
import { alarmCommands } from './alarms.ts';
import { helpCommands } from './help.ts';
import { interfaceCommands } from './interfaces.ts';
import { logCommands } from './log.ts';
import { outboxCommands } from './outbox.ts';
import { probeCommands } from './probes.ts';
import { recordCommands } from './records.ts';
import { relayCommands } from './relay.ts';
import { sessionCommands } from './session.ts';
import { setupCommands } from './setup.ts';
import { systemCommands } from './system.ts';
import { updateCommands } from './update.ts';
import { viewerCommands } from './viewers.ts';

/** Every command of the operational mode. A noun's commands are in the file of that noun, and here is where it is entered. */
export const operationalCommands: readonly Command[] = [
  ...alarmCommands,
  ...configurationCommands,
  ...helpCommands,
  ...interfaceCommands,
  ...logCommands,
  ...outboxCommands,
  ...probeCommands,
  ...recordCommands,
  ...relayCommands,
  ...sessionCommands,
  ...setupCommands,
  ...systemCommands,
  ...updateCommands,
  ...viewerCommands,
];

/** What `?` says of words that only lead to commands. */
export const commandGroups: Readonly<Record<string, string>> = {
  clear: 'ends something',
  monitor: 'shows something again and again',
  request: 'orders to the box',
  'request outbox': 'deliveries of records',
  'request system': 'the box as a whole',
  'request upload': 'records for their receivers',
  show: 'shows something',
  test: 'tries something out',
};
