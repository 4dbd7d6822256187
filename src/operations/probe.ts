import { WeirError } from '#base';
import type { ProbeEnd, Probes } from '#hal';

export interface PingResult {
  readonly target: string;
  readonly transmitted: number;
  readonly received: number;
  readonly rttMs: { readonly min: number; readonly average: number; readonly max: number } | null;
  readonly lines: readonly string[];
}

export interface TracerouteResult {
  readonly target: string;
  readonly lines: readonly string[];
}

/** While it runs: each line, and a way to end it early. */
export interface Running {
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface PingWish extends Running {
  readonly target: string;
  readonly count?: number | undefined;
  readonly sizeBytes?: number | undefined;
  readonly device?: string | undefined;
}

export interface TracerouteWish extends Running {
  readonly target: string;
  readonly maxHops?: number | undefined;
}

/** A host name or address; never anything a program could take for an option. */
const target = /^[A-Za-z0-9:][A-Za-z0-9:._-]{0,252}$/;

/** @throws {WeirError} USAGE for a target or number that is none, MISSING_PROGRAM. */
export async function ping(probes: Probes, wish: PingWish): Promise<PingResult> {
  const count = inRange('count', wish.count ?? 5, 1, 100);
  const sizeBytes = wish.sizeBytes === undefined ? undefined : inRange('size', wish.sizeBytes, 8, 9000);
  const { lines } = await probes.ping({
    target: checkedTarget(wish.target),
    count,
    ...(sizeBytes !== undefined && { sizeBytes }),
    ...(wish.device !== undefined && { device: wish.device }),
    ...running(wish),
  });
  return { target: wish.target, ...summary(lines), lines };
}

/** @throws {WeirError} USAGE for a target that is none, MISSING_PROGRAM. */
export async function traceroute(probes: Probes, wish: TracerouteWish): Promise<TracerouteResult> {
  const maxHops = inRange('hops', wish.maxHops ?? 30, 1, 64);
  const { lines }: ProbeEnd = await probes.traceroute({
    target: checkedTarget(wish.target),
    maxHops,
    ...running(wish),
  });
  return { target: wish.target, lines };
}

/**
 * `5 packets transmitted, 4 received, …` and `rtt min/avg/max/mdev = 0.031/0.042/0.055/0.009 ms` of iputils; busybox has
 * `4 packets received` and `round-trip min/avg/max = …`.
 */
function summary(lines: readonly string[]): Pick<PingResult, 'transmitted' | 'received' | 'rttMs'> {
  const text = lines.join('\n');
  const [, transmitted = 0, received = 0] =
    /^(\d+) packets transmitted, (\d+) (?:packets )?received/m.exec(text) ?? [];
  const rtt = /^(?:rtt|round-trip) min\/avg\/max(?:\/mdev)? = ([\d.]+)\/([\d.]+)\/([\d.]+)/m.exec(text);
  return {
    transmitted: Number(transmitted),
    received: Number(received),
    rttMs: rtt && { min: Number(rtt[1]), average: Number(rtt[2]), max: Number(rtt[3]) },
  };
}

const running = ({ onLine, signal }: Running): Running => ({
  ...(onLine && { onLine }),
  ...(signal && { signal }),
});

function checkedTarget(text: string): string {
  if (target.test(text)) return text;
  throw new WeirError('USAGE', `"${text.slice(0, 80)}" is neither an IP address nor a host name`, {
    advice: 'write it like 192.0.2.1, 2001:db8::1 or tv.example.net',
  });
}

function inRange(what: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new WeirError('USAGE', `${what} must be a whole number from ${min} to ${max}`);
}
