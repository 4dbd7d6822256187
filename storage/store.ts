import { type Alarms, describeError, type Log, Signal, type WeirError } from '#base';
import { count, flag, integer, oneOf, text } from './database/bind.ts';
import {
  type DeviceIdentity,
  deliveryOutcomes,
  type Ledger,
  type LedgerReader,
  type LeftOpenSession,
  type Outbox,
  type OutboxReader,
  type Store,
  type StoreHealth,
  type StoreOptions,
  type StoreReader,
  type UntrustedTimes,
} from './face.ts';
import type { Opened } from './worker/messages.ts';
import { type Told, WorkerPort } from './worker-port.ts';

/**
 * Opens the store of a data folder: finishes what a power cut interrupted, checks what is there, salvages what is damaged.
 * STORAGE_LOCKED: another daemon has it. STORAGE_KEY: the device's key is missing or not the one that signed.
 * STORAGE_FULL, STORAGE_FAILED: the disk has no room or does not work.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { folder, bootId, log, alarms } = options;
  const teller = new Teller(log, alarms);
  const { port, opened } = await WorkerPort.open(
    {
      mode: 'keep',
      folder,
      bootId: text('bootId', bootId),
      startGroupMs: Math.min(options.startGroupMs ?? 5, 5),
      endGroupMs: Math.min(options.endGroupMs ?? 50, 100),
      ballastBytes: options.ballastBytes ?? 4 * 1024 * 1024,
      watchMs: options.watchMs ?? 10_000,
      anchorDeliveries: names(options.anchorDeliveries ?? []),
    },
    (told) => teller.take(told),
    (error) => teller.gone(error),
  );
  return new WorkerStore(port, opened, teller, options);
}

/** Opens the records of a data folder for reading, beside the daemon that writes them or without it. */
export async function openReader(folder: string): Promise<StoreReader> {
  const { port, opened } = await WorkerPort.open(
    { mode: 'read', folder },
    () => {},
    () => {},
  );
  return {
    device: opened.device,
    ledger: ledgerReader(port),
    outbox: outboxReader(port),
    close: () => port.close(),
    [Symbol.asyncDispose]: () => port.close(),
  };
}

/** What the worker tells becomes alarms, log lines and health. */
class Teller {
  readonly healthChanged: Signal<StoreHealth>;
  readonly #log: Log;
  readonly #alarms: Alarms;
  health: StoreHealth = 'ok';

  constructor(log: Log, alarms: Alarms) {
    this.#log = log;
    this.#alarms = alarms;
    this.healthChanged = new Signal((error) =>
      log.error('a listener to the storage failed', { error: describeError(error) }),
    );
  }

  take(told: Told): void {
    if (told.kind === 'log') this.#log.warn(told.event, told.fields);
    else if (told.kind === 'alarm') this.#alarms.raise(told);
    else if (told.kind === 'clear') this.#alarms.clear(told.name);
    else this.#become(told.health);
  }

  gone(error: WeirError): void {
    const text = `the storage worker has ended: ${describeError(error.cause ?? error)}`;
    this.#alarms.raise({ name: 'storage.failed', severity: 'critical', text });
    this.#become('failed');
  }

  damaged(sequences: readonly number[]): void {
    if (sequences.length === 0) return;
    const text = `entries not as they were written: ${sequences.join(', ')}; set aside at the next start`;
    this.#alarms.raise({ name: 'storage.damaged', severity: 'major', text });
  }

  #become(health: StoreHealth): void {
    this.health = health;
    this.healthChanged.emit(health);
  }
}

class WorkerStore implements Store {
  readonly folder: string;
  readonly device: DeviceIdentity;
  readonly bootEpoch: number;
  readonly leftOpen: readonly LeftOpenSession[];
  readonly untrustedTimes: UntrustedTimes | undefined;
  readonly ledger: Ledger;
  readonly outbox: Outbox;
  readonly #port: WorkerPort;
  readonly #teller: Teller;

  constructor(port: WorkerPort, opened: Opened, teller: Teller, { folder, clock }: StoreOptions) {
    this.folder = folder;
    this.#port = port;
    this.#teller = teller;
    this.device = opened.device;
    this.bootEpoch = opened.bootEpoch;
    this.leftOpen = opened.leftOpen.map((session) => ({ ...session, facts: JSON.parse(session.facts) }));
    this.untrustedTimes = opened.untrustedTimes;
    const onDamaged = (sequences: readonly number[]) => teller.damaged(sequences);
    this.ledger = {
      ...ledgerReader(port, onDamaged),
      ...ledgerWriter(port, () => clock.nowMs()),
    };
    this.outbox = { ...outboxReader(port, onDamaged), ...outboxWriter(port) };
  }

  get health(): StoreHealth {
    return this.#teller.health;
  }

  get healthChanged(): Signal<StoreHealth> {
    return this.#teller.healthChanged;
  }

  close(): Promise<void> {
    return this.#port.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Called with the sequences a page had to leave out. */
type OnDamaged = (sequences: readonly number[]) => void;

function ledgerReader(port: WorkerPort, onDamaged: OnDamaged = () => {}): LedgerReader {
  return {
    entries: async (query = {}) => {
      integers({ ...query });
      const page = await port.call('entries', query);
      onDamaged(page.damaged);
      return page;
    },
    head: () => port.call('head', undefined as never),
    corrections: () => port.call('corrections', undefined as never),
  };
}

/** Each of them once. */
const names = (destinations: readonly string[]): readonly string[] => [
  ...new Set(destinations.map((name) => text('destination', name, 200))),
];

/** Those that are given are whole numbers. */
function integers(values: Readonly<Record<string, number | undefined>>): void {
  for (const [name, value] of Object.entries(values)) if (value !== undefined) integer(name, value);
}

/** Everything is checked here, before it shares a transaction with others. */
function ledgerWriter(port: WorkerPort, nowMs: () => number): Omit<Ledger, keyof LedgerReader> {
  return {
    start: async (session) => {
      integer('startedAt', session.startedAt);
      flag('clockTrusted', session.clockTrusted);
      await port.call('start', {
        sessionId: text('sessionId', session.sessionId, 200),
        startedAt: session.startedAt,
        clockTrusted: session.clockTrusted,
        startedMonoNs: integer('startedMonoNs', session.startedMonoNs),
        facts: text('facts', JSON.stringify(session.facts)),
      });
    },
    checkpoint: async (monoNs, samples) => {
      const checked = samples.map((sample) => ({
        sessionId: text('sessionId', sample.sessionId, 200),
        txBytes: count('txBytes', sample.txBytes),
        txPackets: count('txPackets', sample.txPackets),
        droppedPackets: count('droppedPackets', sample.droppedPackets),
        reportedLostPackets: count('reportedLostPackets', sample.reportedLostPackets),
      }));
      await port.call('checkpoint', { monoNs: integer('monoNs', monoNs), samples: checked });
    },
    finish: async (end) => {
      integer('endedAt', end.endedAt);
      flag('clockTrusted', end.clockTrusted);
      return await port.call('finish', {
        sessionId: text('sessionId', end.sessionId, 200),
        endedAt: end.endedAt,
        clockTrusted: end.clockTrusted,
        body: text('record', JSON.stringify(end.record)),
        deliveries: names(end.deliveries),
      });
    },
    correctClock: async ({ bootEpoch, offsetMs, at }, deliveries = []) => {
      integers({ bootEpoch, offsetMs, at });
      return await port.call('correctClock', { bootEpoch, offsetMs, at, deliveries: names(deliveries) });
    },
    retain: async (before, deliveries = []) => {
      integer('before', before);
      let total = 0;
      for (let more = true; more; ) {
        const part = await port.call('retain', { before, at: nowMs(), deliveries: names(deliveries) });
        total += part.removed;
        more = part.more;
      }
      return total;
    },
  };
}

function outboxReader(port: WorkerPort, onDamaged: OnDamaged = () => {}): OutboxReader {
  return {
    waiting: async (destination, query) => {
      integers({ ...query });
      const page = await port.call('waiting', { ...query, destination });
      onDamaged(page.damaged);
      return page;
    },
    quarantined: async (destination, query) => {
      integers({ ...query });
      const page = await port.call('quarantined', { ...query, destination });
      onDamaged(page.damaged);
      return page;
    },
    summary: () => port.call('summary', undefined as never),
  };
}

function outboxWriter(port: WorkerPort): Omit<Outbox, keyof OutboxReader> {
  return {
    settle: async (destination, settlements) => {
      for (const { sequence, outcome, reason } of settlements) {
        integer('sequence', sequence);
        oneOf('outcome', outcome, deliveryOutcomes);
        if (reason !== undefined) text('reason', reason);
      }
      await port.call('settle', { destination, settlements });
    },
    requeue: (destination) => port.call('requeue', destination),
    abandon: (destination) => port.call('abandon', destination),
  };
}
