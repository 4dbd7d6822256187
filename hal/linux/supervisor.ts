import type { Supervisor } from '../supervisor.ts';
import type { Syscalls } from './syscalls.ts';

/**
 * systemd, told by datagrams (sd_notify(3)). Without NOTIFY_SOCKET nobody listens, and nothing is sent. The variables are taken
 * out of the environment: they are not meant for our child processes.
 */
export class LinuxSupervisor implements Supervisor {
  readonly patienceMs: number | undefined;
  readonly #address: string | undefined;
  readonly #send: Syscalls['sendDatagram'];

  constructor(sendDatagram: Syscalls['sendDatagram'], environment: NodeJS.ProcessEnv = process.env) {
    const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = environment;
    for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name];
    this.#address = NOTIFY_SOCKET || undefined;
    this.#send = sendDatagram;
    const ours = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid;
    const patienceMs = Math.floor(Number(WATCHDOG_USEC ?? 0) / 1000);
    this.patienceMs = this.#address !== undefined && ours && patienceMs > 0 ? patienceMs : undefined;
  }

  ready(): void {
    this.#tell('READY=1');
  }

  alive(): void {
    this.#tell('WATCHDOG=1');
  }

  status(text: string): void {
    this.#tell(`STATUS=${text.replaceAll('\n', ' ')}`);
  }

  stopping(): void {
    this.#tell('STOPPING=1');
  }

  /** One that cannot be sent is one sign less: the supervisor draws its own conclusions. */
  #tell(state: string): void {
    if (this.#address !== undefined) this.#send(this.#address, Buffer.from(state));
  }
}
