import type { Supervisor } from '../supervisor.ts';

/** Keeps what it was told, in order. */
export class SimSupervisor implements Supervisor {
  readonly told: string[] = [];
  patienceMs: number | undefined;

  constructor(options: { patienceMs?: number } = {}) {
    this.patienceMs = options.patienceMs;
  }

  ready(): void {
    this.told.push('READY=1');
  }

  alive(): void {
    this.told.push('WATCHDOG=1');
  }

  status(text: string): void {
    this.told.push(`STATUS=${text.replaceAll('\n', ' ')}`);
  }

  stopping(): void {
    this.told.push('STOPPING=1');
  }
}
