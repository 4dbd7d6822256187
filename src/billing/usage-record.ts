import type { Endpoint } from '#hal';
import type { JsonValue } from '#storage';
import type { TerminateCause } from '../protocol/index.ts';
import { type Charge, chargeFor } from './charge.ts';
import type { Terms } from './terms.ts';

/** What is known of a session when it begins; its record needs nothing else but counters and its end. Stored as JSON. */
export type SessionFacts = {
  readonly url: string;
  readonly origin: { readonly address: string; readonly port: number };
  readonly viewer: { readonly address: string; readonly port: number };
  /** Of a viewer that is directly attached. */
  readonly mac: string | null;
  readonly subscriber: string | null;
  readonly protocol: string;
  /** `udp`, `tcp`, or `udp+tcp`. */
  readonly transport: string;
  readonly tariff: Terms['tariff'];
};

/**
 * The billing information of one viewer's session. Sequence number, previous hash and signature are its chain entry's.
 * 64-bit values and monotonic times are decimal strings; bytes and packets are media to that viewer.
 */
export type UsageRecord = {
  /** UUIDv7. Whoever gets a record twice knows it by this. */
  readonly recordId: string;
  readonly deviceId: string;
  /** Which boot of the box the monotonic times are of. */
  readonly bootEpoch: number;
  readonly sessionId: string;
  readonly url: string;
  readonly origin: { readonly address: string; readonly port: number };
  readonly viewer: { readonly address: string; readonly port: number };
  readonly mac: string | null;
  readonly subscriber: string | null;
  readonly protocol: string;
  readonly transport: string;
  /** The first PLAY. ISO 8601, UTC. */
  readonly startedAt: string;
  readonly endedAt: string;
  /** Whether the wall clock was synchronised. When not, both times are wrong by the same offset. */
  readonly clockTrusted: boolean;
  readonly startedMonoNs: string;
  readonly endedMonoNs: string;
  readonly durationMs: number;
  readonly viewerTxBytes: string;
  readonly viewerTxPackets: string;
  /** Not sent by Weir; changes no charge. */
  readonly droppedPackets: string;
  /** Not received, says the viewer; changes no charge. */
  readonly reportedLostPackets: string;
  readonly charge: Charge;
  readonly terminateCause: TerminateCause;
  /** Closed at the start after, with the counters of the last checkpoint. */
  readonly recovered: boolean;
};

/** What a session used and when it was. */
export interface SessionUsage {
  readonly txBytes: bigint;
  readonly txPackets: bigint;
  readonly droppedPackets: bigint;
  readonly reportedLostPackets: bigint;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly clockTrusted: boolean;
  readonly startedMonoNs: bigint;
  readonly endedMonoNs: bigint;
}

export function usageRecord(options: {
  readonly recordId: string;
  readonly deviceId: string;
  readonly bootEpoch: number;
  readonly sessionId: string;
  readonly facts: SessionFacts;
  readonly usage: SessionUsage;
  readonly terminateCause: TerminateCause;
  readonly recovered: boolean;
}): UsageRecord {
  const { recordId, deviceId, bootEpoch, sessionId, usage, terminateCause, recovered } = options;
  const { tariff, ...facts } = options.facts;
  const durationMs = Number((usage.endedMonoNs - usage.startedMonoNs) / 1_000_000n);
  return {
    recordId,
    deviceId,
    bootEpoch,
    sessionId,
    ...facts,
    startedAt: new Date(usage.startedAt).toISOString(),
    endedAt: new Date(usage.endedAt).toISOString(),
    clockTrusted: usage.clockTrusted,
    startedMonoNs: String(usage.startedMonoNs),
    endedMonoNs: String(usage.endedMonoNs),
    durationMs,
    viewerTxBytes: String(usage.txBytes),
    viewerTxPackets: String(usage.txPackets),
    droppedPackets: String(usage.droppedPackets),
    reportedLostPackets: String(usage.reportedLostPackets),
    charge: chargeFor(tariff, { bytes: usage.txBytes, packets: usage.txPackets, durationMs }),
    terminateCause,
    recovered,
  };
}

export function sessionFacts(options: {
  readonly url: string;
  readonly origin: Endpoint;
  readonly viewer: Endpoint;
  readonly mac: string | undefined;
  readonly protocol: string;
  readonly transport: string;
  readonly terms: Terms;
}): SessionFacts {
  const { url, origin, viewer, mac, protocol, transport, terms } = options;
  return {
    url,
    origin: { address: origin.address, port: origin.port },
    viewer: { address: viewer.address, port: viewer.port },
    mac: mac ?? null,
    subscriber: terms.subscriber ?? null,
    protocol,
    transport,
    tariff: terms.tariff,
  };
}

/** Facts as the ledger gives them back: checked by its checksum, written by `sessionFacts`. */
export const storedFacts = (value: JsonValue): SessionFacts => value as unknown as SessionFacts;
