import type { Alarms, Clock, Closeable, Log, Signal } from '#base';

/** What JSON can say. Numbers beyond 2^53 go as decimal strings. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };
export type JsonObject = { readonly [name: string]: JsonValue };

/** Who this box is. The private half never leaves the data folder. */
export interface DeviceIdentity {
  /** Short and stable: made of the public key's SHA-256. */
  readonly id: string;
  /** Ed25519, PEM (SubjectPublicKeyInfo). Checks every signature of the chain. */
  readonly publicKey: string;
}

export const entryKinds = ['usage', 'clock', 'anchor'] as const;
/** `usage`: a session's record. `clock`: how wrong a boot's wall clock was. `anchor`: where the chain was cut. */
export type EntryKind = (typeof entryKinds)[number];

/** One link of the chain, as an export carries it and anyone with the public key can check it. */
export interface ChainEntry {
  /** Box-wide, rising by one. */
  readonly sequence: number;
  readonly kind: EntryKind;
  /** The JSON text exactly as signed. Parse it to read it; never write it anew to check it. */
  readonly body: string;
  /** SHA-256 of the entry before, hex; 64 zeros in front of the very first. */
  readonly previousHash: string;
  /** SHA-256 of previous hash, sequence, kind and body (`chainHash`), hex. */
  readonly hash: string;
  /** Ed25519 over the 32 bytes of the hash, base64url. */
  readonly signature: string;
}

/** A link as stored, with what is kept beside it, unsigned, to find it by. */
export interface StoredEntry extends ChainEntry {
  /** Which boot's clocks it was written under. */
  readonly bootEpoch: number;
  /** Wall clock of the fact as it was known then, milliseconds since 1970. */
  readonly at: number;
  /** Whether the wall clock was synchronised then. When not, `corrections` may know better. */
  readonly clockTrusted: boolean;
}

/** Counters of one viewer's session. They only grow. */
export interface SessionCounters {
  readonly txBytes: bigint;
  readonly txPackets: bigint;
  readonly droppedPackets: bigint;
  readonly reportedLostPackets: bigint;
}

/** What is written down once, before the first media packet leaves. */
export interface SessionStartRow {
  readonly sessionId: string;
  /** Wall clock, milliseconds since 1970. */
  readonly startedAt: number;
  readonly clockTrusted: boolean;
  readonly startedMonoNs: bigint;
  /** Whatever the record will need after a power cut: addresses, URL, the terms agreed. Kept as it is. */
  readonly facts: JsonValue;
}

/** A session that was open when the last run ended without closing it. */
export interface LeftOpenSession extends SessionStartRow {
  readonly bootEpoch: number;
  /** True: Weir died, the kernel went on (nas-error). False: the box was rebooted (nas-reboot). */
  readonly sameBoot: boolean;
  /** As of the last checkpoint; all zero when there was none, or when its row was damaged. */
  readonly counters: SessionCounters;
  /** The last moment its run is known to have lived, by the clock of its own boot; never before the start. */
  readonly aliveMonoNs: bigint;
}

export interface CounterSample extends SessionCounters {
  readonly sessionId: string;
}

/** The end of a session: its record, for whom it is. */
export interface SessionEnd {
  readonly sessionId: string;
  /** Wall clock of the end, milliseconds since 1970. */
  readonly endedAt: number;
  readonly clockTrusted: boolean;
  /** The record without sequence, hashes and signature. Becomes JSON text here, once. */
  readonly record: JsonObject;
  /** Names of the destinations it is to be delivered to. */
  readonly deliveries: readonly string[];
}

/** By how much a boot's untrusted wall clock was wrong: true time = clock + offset. */
export interface ClockCorrection {
  readonly bootEpoch: number;
  readonly offsetMs: number;
}

/** What earlier runs of a boot wrote before its wall clock was synchronised. */
export interface UntrustedTimes {
  /** The newest such record. Its times, told against monotonic, show by how much that clock is wrong. */
  readonly newest: StoredEntry;
  /** For whom such records were written. */
  readonly destinations: readonly string[];
  /** Whether by how much they are wrong was signed after the newest of them. */
  readonly corrected: boolean;
}

export interface EntryQuery {
  /** Only entries with a higher sequence. */
  readonly after?: number | undefined;
  /** Wall clock, corrected where a correction is known: from here on … */
  readonly since?: number | undefined;
  /** … and before here. */
  readonly until?: number | undefined;
  /** At most so many; 500 when not given, never more than 1,000. */
  readonly limit?: number | undefined;
}

/** One bounded read. A page may be empty and still not be the last: a search by time goes through many entries. */
export interface EntryPage {
  readonly entries: readonly StoredEntry[];
  /** Sequences left out because what is stored is not what was written. */
  readonly damaged: readonly number[];
  /** Where to go on: the next query's `after`. Undefined at the end. */
  readonly next: number | undefined;
}

export interface ChainHead {
  readonly sequence: number;
  readonly hash: string;
}

export interface LedgerReader {
  /** A page of entries in sequence order. Those whose checksum is wrong are only named, and raise an alarm. */
  entries(query?: EntryQuery): Promise<EntryPage>;
  /** The last link; undefined in an empty ledger. */
  head(): Promise<ChainHead | undefined>;
  /** The last correction of each boot that has one. */
  corrections(): Promise<readonly ClockCorrection[]>;
}

/** The facts of billing. They only grow; every promise resolves after COMMIT. */
export interface Ledger extends LedgerReader {
  /**
   * Writes down that a session begins. Awaited before the first media packet leaves; committed within
   * `startGroupMs`. Rejects with STORAGE_FULL or STORAGE_FAILED when it cannot be stored: then the session
   * must not be billed, and nothing of it is left behind.
   */
  start(session: SessionStartRow): Promise<void>;
  /**
   * The counters of open sessions, all read at `monoNs`, in one transaction. Sessions that are not named, or
   * whose counters did not move, keep theirs. Unknown sessions are passed over: they have just ended.
   */
  checkpoint(monoNs: bigint, samples: readonly CounterSample[]): Promise<void>;
  /**
   * Record, deliveries and the end of the open session, in one transaction. Asked again for the same session it
   * returns the entry that is there: a session never gets two. While the disk is full or broken it stays pending and is
   * tried again; it rejects only when the store is closed meanwhile.
   */
  finish(end: SessionEnd): Promise<StoredEntry>;
  /**
   * Signs and stores by how much the clock of a boot was wrong. `at`: the corrected wall clock. `deliveries`: who is to be
   * told of it.
   */
  correctClock(
    correction: ClockCorrection & { readonly at: number },
    deliveries?: readonly string[],
  ): Promise<StoredEntry>;
  /**
   * Removes the oldest entries: those before `before` (trusted wall clock) that no destination still waits for or
   * refused. Leaves a signed anchor, of which `deliveries` are told. Returns how many went.
   */
  retain(before: number, deliveries?: readonly string[]): Promise<number>;
}

export const deliveryOutcomes = ['acknowledged', 'unconfirmed', 'quarantined'] as const;
/** `acknowledged`: done. `unconfirmed`: told, not confirmed, not repeated. `quarantined`: refused, kept for a person. */
export type DeliveryOutcome = (typeof deliveryOutcomes)[number];

export interface Settlement {
  readonly sequence: number;
  readonly outcome: DeliveryOutcome;
  /** Why, where it was not acknowledged. */
  readonly reason?: string | undefined;
}

/** What one destination has not acknowledged. */
export interface DestinationSummary {
  readonly destination: string;
  readonly waiting: number;
  /** Wall clock of the oldest waiting entry's fact; undefined when nothing waits. */
  readonly waitingSince: number | undefined;
  readonly unconfirmed: number;
  readonly quarantined: number;
  /** The reason of the newest quarantined entry. */
  readonly quarantineReason: string | undefined;
}

export interface OutboxReader {
  /** Entries that wait for `destination`, in sequence order. */
  waiting(destination: string, query?: { after?: number; limit?: number }): Promise<EntryPage>;
  /** Entries that `destination` refused. */
  quarantined(destination: string, query?: { after?: number; limit?: number }): Promise<EntryPage>;
  /** Every destination that ever had a delivery. */
  summary(): Promise<readonly DestinationSummary[]>;
}

/** Deliveries not yet acknowledged: the only truth about them. How often they were tried is nowhere stored. */
export interface Outbox extends OutboxReader {
  /** Writes down how deliveries went. One that does not wait any more is passed over. */
  settle(destination: string, settlements: readonly Settlement[]): Promise<void>;
  /** Lets everything `destination` refused wait again. Returns how many. */
  requeue(destination: string): Promise<number>;
  /** Gives up all deliveries to a destination that is no more; the entries stay. Returns how many. */
  abandon(destination: string): Promise<number>;
}

export const storeHealths = ['ok', 'nearly-full', 'full', 'failed'] as const;
/** `full` and `failed`: no session can be started. Ends are kept and tried again. */
export type StoreHealth = (typeof storeHealths)[number];

/** What can be read while the daemon runs, or without it. */
export interface StoreReader extends Closeable {
  readonly device: DeviceIdentity;
  readonly ledger: LedgerReader;
  readonly outbox: OutboxReader;
}

/** The store of the one running daemon. */
export interface Store extends StoreReader {
  /** The data folder. */
  readonly folder: string;
  /** Counts the boots of this box; goes on above the old one even when the database was lost. */
  readonly bootEpoch: number;
  /** Stay open until each is given its record by `finish`. */
  readonly leftOpen: readonly LeftOpenSession[];
  /** Found at the opening, of this boot; undefined when there was nothing of the kind. */
  readonly untrustedTimes: UntrustedTimes | undefined;
  readonly ledger: Ledger;
  readonly outbox: Outbox;
  readonly health: StoreHealth;
  readonly healthChanged: Signal<StoreHealth>;
}

export interface StoreOptions {
  /** The data folder; must exist. */
  readonly folder: string;
  /** `/proc/sys/kernel/random/boot_id`: another one is another boot epoch. */
  readonly bootId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly alarms: Alarms;
  /**
   * How long after a commit a start waits for others to share the next one: at most 5 ms, the default. One that comes
   * later than that does not wait.
   */
  readonly startGroupMs?: number;
  /** How long an end, a settlement or a correction waits: at most 100 ms, 50 when not given. */
  readonly endGroupMs?: number;
  /** Size of the file that is given up when the disk is full, so that ends can still be stored. 4 MiB when not given. */
  readonly ballastBytes?: number;
  /** Who is to be told of the anchor that damage leaves: nobody when not given. */
  readonly anchorDeliveries?: readonly string[];
  /** How often free space is looked at, and a broken disk tried again. 10 s when not given. */
  readonly watchMs?: number;
}
