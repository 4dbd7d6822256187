import { randomUUID } from 'node:crypto';
import type { StoredEntry } from '#storage';
import type { UsageRecord } from '../../../src/billing/index.ts';
import { type UsageEntry, usageEntry } from '../../../src/upload/outgoing-entry.ts';

/** A record like those of the billing manager. */
export function record(changes: Partial<UsageRecord> = {}): UsageRecord {
  return {
    recordId: randomUUID(),
    deviceId: 'weir-0123456789abcdef',
    bootEpoch: 3,
    sessionId: randomUUID(),
    url: 'rtsp://198.51.100.7/live',
    origin: { address: '198.51.100.7', port: 554 },
    viewer: { address: '192.0.2.9', port: 40_000 },
    mac: '02:00:5e:10:00:01',
    subscriber: 'subscriber-1',
    protocol: 'rtsp',
    transport: 'udp',
    startedAt: '2026-11-22T10:00:00.000Z',
    endedAt: '2026-11-22T10:01:30.000Z',
    clockTrusted: true,
    startedMonoNs: '1000000000',
    endedMonoNs: '91000000000',
    durationMs: 90_000,
    viewerTxBytes: String(5n * 2n ** 32n + 123n),
    viewerTxPackets: '17000000',
    droppedPackets: '0',
    reportedLostPackets: '2',
    charge: { amount: '1.2345', currency: 'EUR', tariff: 'gold', version: '7', unit: 'bytes', units: '1' },
    terminateCause: 'user-request',
    recovered: false,
    ...changes,
  };
}

/** The record as an entry on its way out. */
export function entry(sequence: number, changes: Partial<UsageRecord> = {}): UsageEntry {
  const told = record(changes);
  const stored: StoredEntry = {
    sequence,
    kind: 'usage',
    body: JSON.stringify(told),
    previousHash: '0'.repeat(64),
    hash: '1'.repeat(64),
    signature: 'c2lnbmF0dXJl',
    bootEpoch: told.bootEpoch,
    at: Date.parse(told.endedAt),
    clockTrusted: told.clockTrusted,
  };
  return usageEntry(stored, []);
}
