/** Where the console is put together: what it may ask of the box, and the ways to it. */
import { type Alarms, type Clock, type Closeable, CloseStack, type Log, WeirError, weirVersion } from '#base';
import type { SerialPorts } from '#hal';
import type { Store } from '#storage';
import { type BoxFacts, boxOperations } from './box-operations.ts';
import type { Config, Configurations } from './config/index.ts';
import {
  CommandTree,
  Console,
  commandGroups,
  configurationTree,
  type Operations,
  operationalCommands,
  revertedText,
  SerialConsole,
  serveControlConsole,
} from './console/index.ts';
import { abandonDeliveries, outboxStatus, requeueDeliveries, type Updates } from './operations/index.ts';
import type { Relay } from './relay.ts';
import type { ControlCommands, ControlStreams } from './status/index.ts';

/** Of a box that was never configured. */
const firstCommand = 'setup';

/** Nobody has been told to log in. */
const freeCable = {
  userClass: 'administrator',
  why: 'no users are configured: whoever has this cable may do everything',
} as const;

/** Nobody knows who could log in. */
const unreadCable = {
  userClass: 'operator',
  why: 'the configuration could not be read, and its users with it: whoever has this cable may look, and help sessions and deliveries',
} as const;

/** What of the box is there by now: the console is there first. */
export interface Box {
  readonly config: () => Config;
  readonly configurations: () => Configurations | undefined;
  readonly relay: () => Relay | undefined;
  readonly store: () => Store | undefined;
  readonly updates: () => Updates | undefined;
  readonly alarms: Alarms;
}

/** The operations that the commands of the console and of the control socket call. */
export function operationsOf(box: Box, facts: BoxFacts): Operations {
  const relay = () => box.relay() ?? notReady('Weir is still starting', 'try again in a moment');
  const updates = () => box.updates() ?? notReady('Weir is still starting', 'try again in a moment');
  const store = () => box.store() ?? notReady('the records are not open (yet)', 'see `show alarms`');
  return {
    relay: async () => relay().status(),
    alarms: async () => ({ standing: box.alarms.standing(), ended: box.alarms.ended() }),
    outbox: async () => outboxStatus(store(), box.relay()?.uploads?.states()),
    requeue: async (destination) => {
      const order = await requeueDeliveries(store(), destination);
      box.relay()?.uploads?.looked(destination);
      return order;
    },
    abandon: async (destination) => {
      const { uploads } = relay();
      const order = await abandonDeliveries(store(), destination, uploads?.names() ?? []);
      uploads?.looked(destination);
      return order;
    },
    updateStatus: () => updates().status(),
    installUpdate: (order) => updates().install(order),
    activateUpdate: (order) => updates().activate(order),
    factoryReset: (order) => updates().factoryReset(order),
    ...boxOperations(box, facts),
  };
}

function notReady(what: string, advice: string): never {
  throw new WeirError('NOT_READY', what, { advice });
}

/** The commands of the control socket that answer with one JSON. */
export const controlCommands = (operations: Operations): ControlCommands => ({
  'show relay': () => operations.relay(),
  'show alarms': () => operations.alarms(),
  'show outbox': () => operations.outbox(),
  'outbox requeue': (destination) => operations.requeue(destination),
  'outbox abandon': (destination) => operations.abandon(destination),
});

/** The console, with its ways: the control socket at once, the serial port once there is one. */
export class OperatorConsole implements Closeable {
  readonly #console: Console;
  readonly #parts = new CloseStack();
  readonly #box: Box;
  readonly #log: Log;
  readonly #clock: Clock;
  #serial: SerialConsole | undefined;
  /** Where the console is as long as the configuration does not say. */
  #defaultPort: string | undefined;

  constructor(options: { box: Box; operations: Operations; clock: Clock; log: Log }) {
    const { box, operations, clock, log } = options;
    this.#box = box;
    this.#clock = clock;
    this.#log = log;
    const operational = new CommandTree(operationalCommands, commandGroups);
    this.#console = new Console({
      operations,
      configurations: () =>
        readConfigurations(box) ?? notReady('Weir is still starting', 'try again in a moment'),
      trees: { operational, configuration: configurationTree(operational) },
      clock,
      log,
      facts: {
        name: () => box.config().system.name,
        accounts: () => box.config().system.users,
        idleMinutes: () => box.config().console.idleMinutes,
        historyLines: () => box.config().console.history,
        notices: async () => noticesOf(box),
        reverted: () => box.configurations()?.reverted(),
        cable: () => (box.configurations()?.unread ? unreadCable : freeCable),
        firstCommand: () => (isNew(box) ? firstCommand : undefined),
      },
    });
  }

  /** For the control socket. */
  readonly streams: ControlStreams = {
    console: (stream, argument) => {
      serveControlConsole(this.#console, stream, argument).catch((error) => {
        this.#log.error('console session failed', { error: String(error) });
        stream.end();
      });
    },
  };

  /** The HAL is there: from now on the console is on the serial port of the configuration, or of the board, too. */
  openSerial(ports: SerialPorts, defaultPort: string | undefined): void {
    this.#defaultPort = defaultPort;
    const { alarms } = this.#box;
    const parts = { console: this.#console, ports, alarms, clock: this.#clock, log: this.#log };
    this.#serial = this.#parts.use(new SerialConsole(parts));
    this.reconfigure();
  }

  /** For whoever is at the serial port, logged in or not. */
  announce(text: string): void {
    this.#serial?.announce(text);
  }

  /** The configuration has changed. */
  reconfigure(): void {
    this.#console.usersChanged();
    const { port = this.#defaultPort, baud } = this.#box.config().console;
    this.#serial?.configure({ port, baud: Number(baud), otherwise: this.#defaultPort });
  }

  close(): Promise<void> {
    return this.#parts.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const counted = (count: number, one: string, several: string): string =>
  `${count} ${count === 1 ? one : several}`;

/** Was it ever configured? A disk that does not answer does not say. */
function isNew({ configurations }: Box): boolean {
  const known = configurations();
  return known === undefined || (known.config === undefined && !known.unread);
}

/** Whoever asks for the configuration is told that it is not known. */
function readConfigurations({ configurations }: Box): Configurations | undefined {
  const known = configurations();
  if (known?.unread) notReady('the configuration could not be read yet', 'see `show alarms`');
  return known;
}

function noticesOf({ alarms, configurations }: Box): readonly string[] {
  const standing = alarms.standing();
  const reverted = configurations()?.reverted();
  const unconfirmed = configurations()?.unconfirmed();
  return [
    `Weir ${weirVersion}`,
    ...(standing.length === 0
      ? []
      : [`${counted(standing.length, 'alarm stands', 'alarms stand')}: show alarms`]),
    ...(reverted === undefined ? [] : [revertedText(reverted)]),
    ...(unconfirmed === undefined
      ? []
      : [
          `a commit of ${unconfirmed.who} goes back in ${unconfirmed.remainingSeconds} s unless it is confirmed: \`configure\`, \`confirm\``,
        ]),
  ];
}
