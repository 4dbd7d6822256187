/** What the box is. Read at boot and on demand, never polled. Unknown facts are undefined. */
export interface BoardFacts {
  readonly manufacturer: string | undefined;
  readonly model: string | undefined;
  readonly serialNumber: string | undefined;
  readonly cpu: string | undefined;
  readonly cores: number;
  readonly memoryBytes: bigint;
  readonly kernel: string;
  readonly os: string | undefined;
}

/** Live figures, cheap to read (from /proc and /sys). */
export interface BoardLoad {
  readonly uptimeSeconds: number;
  readonly load1: number;
  readonly memoryAvailableBytes: bigint;
  readonly temperatureMilliC: number | undefined;
}

export interface Board {
  /** Random, another one each time the kernel starts. */
  bootId(): Promise<string>;
  /** Whether the kernel's wall clock is held by NTP, PTP or GPS. False on a board without a clock of its own that has just started. */
  clockSynchronised(): boolean;
  facts(): Promise<BoardFacts>;
  load(): Promise<BoardLoad>;
}
