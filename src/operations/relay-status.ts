import type { Alarm } from '#base';
import type { Endpoint, FanOut, FeedCounters, Nic, NicCounters, ViewerCounters } from '#hal';
import type { FeedEntry, ViewerSummary } from '../session/index.ts';

/** Counters as JSON: 64-bit values are decimal strings. */
type Decimals<T> = { readonly [K in keyof T]: string };

export interface FeedStatus extends Omit<Decimals<FeedCounters>, 'lastRxMonoNs'> {
  readonly url: string;
  readonly origin: string;
  readonly state: 'described' | 'playing' | 'reconnecting';
  /** How often its source failed and came back. */
  readonly reconnections: number;
  readonly withoutMediaMs: number;
  /** Serves more than one viewer. */
  readonly shared: boolean;
  readonly viewers: number;
  readonly openedAt: string;
}

export interface ViewerStatus extends Omit<Decimals<ViewerCounters>, 'lastRxMonoNs'> {
  readonly sessionId: string;
  readonly url: string;
  readonly origin: string;
  readonly viewer: string;
  readonly viewerPort: number;
  readonly mac: string | undefined;
  readonly protocol: string;
  readonly transport: string;
  readonly state: string;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly terminateCause?: string;
}

/** Without counters while the NIC is not there. */
export interface NicStatus extends Partial<Decimals<NicCounters>> {
  readonly role: string;
  readonly device: string;
  readonly linkUp: boolean;
}

/** How media goes out to viewers by UDP: once, and cloned in the kernel, or by a send for each of them, and why that. */
export interface FanOutStatus {
  readonly by: 'clones' | 'sockets';
  readonly why?: string;
  readonly clonedPackets: string;
}

/** One thread of the engine's: its CPU time and what it serves. */
export interface EngineThreadStatus {
  readonly cpuNs: string;
  readonly feeds: number;
  readonly viewers: number;
  /** Connections that are passed through. */
  readonly splices: number;
}

/** What the box relays right now. */
export interface RelayStatus {
  readonly version: string;
  readonly nics: readonly NicStatus[];
  readonly connections: number;
  readonly fanOut: FanOutStatus;
  readonly engineCpuNs: string;
  readonly engineThreads: readonly EngineThreadStatus[];
  readonly feeds: readonly FeedStatus[];
  readonly viewers: readonly ViewerStatus[];
  /** The last sessions that ended, oldest first. */
  readonly ended: readonly ViewerStatus[];
  /** Sessions relayed without a record since the box runs (`billing.whenFull`). */
  readonly unbilledSessions: number;
  readonly alarms: readonly Alarm[];
}

export function feedStatus(entry: FeedEntry): FeedStatus | undefined {
  const { feed } = entry;
  if (feed === undefined) return undefined;
  const { lastRxMonoNs: _, ...counters } = feed.counters();
  return {
    url: entry.url,
    origin: endpointText(entry.origin),
    state: feed.reconnecting ? 'reconnecting' : feed.playing ? 'playing' : 'described',
    ...feed.outages(),
    shared: entry.owner === undefined,
    viewers: entry.viewers.size,
    openedAt: new Date(entry.openedAt).toISOString(),
    ...decimals(counters),
  };
}

export function viewerStatus(viewer: ViewerSummary, mac: string | undefined): ViewerStatus {
  const { lastRxMonoNs: _, ...counters } = viewer.counters();
  const { facts, outcome } = viewer;
  return {
    sessionId: facts.sessionId,
    url: facts.url,
    origin: endpointText(facts.origin),
    viewer: facts.viewer.address,
    viewerPort: facts.viewer.port,
    mac,
    protocol: facts.protocol,
    transport: viewer.transport,
    state: viewer.state,
    startedAt: new Date(facts.startedAt).toISOString(),
    ...decimals(counters),
    ...(outcome && { endedAt: new Date(outcome.endedAt).toISOString(), terminateCause: outcome.cause }),
  };
}

export function fanOutStatus({ by, why, clonedPackets }: FanOut): FanOutStatus {
  return { by, ...(why !== undefined && { why }), clonedPackets: String(clonedPackets) };
}

export function nicStatus(nic: Nic, counters: NicCounters | undefined): NicStatus {
  return { role: nic.role, device: nic.device, linkUp: nic.linkUp, ...(counters && decimals(counters)) };
}

/** `203.0.113.10:554`, `[2001:db8::1]:554`. */
export const endpointText = ({ address, port }: Endpoint): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

function decimals<T extends object>(counters: T): Decimals<T> {
  return Object.fromEntries(
    Object.entries(counters).map(([name, value]) => [name, String(value)]),
  ) as Decimals<T>;
}
