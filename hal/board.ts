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

/** How much of its life an eMMC or SD card says it has used (JEDEC JESD84-B51 s.7.4, EXT_CSD 267 to 269). */
export interface FlashWear {
  /** `mmcblk0`. */
  readonly device: string;
  readonly name: string | undefined;
  /** Upper bound, steps of 10; 110: beyond its expected life. The worse one of both kinds of cells. */
  readonly lifeUsedPercent: number | undefined;
  /** Spare blocks: `warning` 80 % of them are used, `urgent` 90 %. */
  readonly spareBlocks: 'normal' | 'warning' | 'urgent' | undefined;
}

export interface Board {
  /** Random, another one each time the kernel starts. */
  bootId(): Promise<string>;
  /** Whether the kernel's wall clock is held by NTP, PTP or GPS. False on a board without a clock of its own that has just started. */
  clockSynchronised(): boolean;
  facts(): Promise<BoardFacts>;
  load(): Promise<BoardLoad>;
  /** None where there is no such memory, or it does not tell. */
  flashWear(): Promise<readonly FlashWear[]>;
}
