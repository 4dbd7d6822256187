/** Looking at the network from the box, as a technician does: bounded in time and output. */
export interface ProbeOptions {
  /** Each line as it comes, at most 1,000 of at most 500 characters. */
  readonly onLine?: (line: string) => void;
  /** Ends it early; what it has told by then counts. */
  readonly signal?: AbortSignal;
}

export interface PingOptions extends ProbeOptions {
  /** IP address or host name. */
  readonly target: string;
  /** 1 to 100. */
  readonly count: number;
  /** Payload, 8 to 9000 bytes. */
  readonly sizeBytes?: number;
  /** Leaves by this device. */
  readonly device?: string;
}

export interface TracerouteOptions extends ProbeOptions {
  readonly target: string;
  /** 1 to 64. */
  readonly maxHops: number;
  readonly device?: string;
}

export interface ProbeEnd {
  readonly lines: readonly string[];
  /** Exit status of the program; null: it was ended early. */
  readonly status: number | null;
  /** More was told than is kept. */
  readonly cut: boolean;
}

/**
 * Each rejects with MISSING_PROGRAM when what it needs is not installed. A target that does not answer, or that nobody knows,
 * is no error: the lines say so.
 */
export interface Probes {
  ping(options: PingOptions): Promise<ProbeEnd>;
  traceroute(options: TracerouteOptions): Promise<ProbeEnd>;
}
