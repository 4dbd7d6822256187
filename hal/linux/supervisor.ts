import type { Supervisor } from '../supervisor.ts';
import type { Syscalls } from './syscalls.ts';

const variables = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'] as const;
type Told = Partial<Record<(typeof variables)[number], string>>;

let toldToProcess: Told | undefined;

/** systemd, told by datagrams (sd_notify(3)). Without NOTIFY_SOCKET nobody listens, and nothing is sent. */
export class LinuxSupervisor implements Supervisor {
  readonly patienceMs: number | undefined;
  readonly #address: string | undefined;
  readonly #send: Syscalls['sendDatagram'];

  constructor(sendDatagram: Syscalls['sendDatagram'], told: Told) {
    const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = told;
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

/** What systemd told this process, taken out of its environment: no child process is to speak for it. */
export function toldBySystemd(environment: NodeJS.ProcessEnv): Told {
  const told: Told = {};
  for (const name of variables) {
    const value = environment[name];
    if (value !== undefined) told[name] = value;
    delete environment[name];
  }
  return told;
}

/** The same however often it is asked: the HAL is opened anew within the life of a process. */
export function supervisorOfProcess(sendDatagram: Syscalls['sendDatagram']): LinuxSupervisor {
  toldToProcess ??= toldBySystemd(process.env);
  return new LinuxSupervisor(sendDatagram, toldToProcess);
}
