import type { Duplex } from 'node:stream';
import type { Closeable } from '#base';

export interface SerialPortOptions {
  /** `/dev/ttyS0` */
  readonly path: string;
  /** Bits a second; always 8 data bits, no parity, one stop bit. */
  readonly baud: number;
}

/** A process that has the same port open. */
export interface PortHolder {
  readonly pid: number;
  /** Its program, as the kernel names it: `agetty`. */
  readonly program: string;
}

/** A serial port that is open. Bytes pass as they are: nobody echoes, edits or ends lines. */
export interface SerialPort extends Closeable {
  readonly path: string;
  /**
   * What is received, and what is to be sent. Is destroyed, without an error, when the port is closed and when the device is gone;
   * then `lostBecause` says why. A cable that is pulled is not noticed: a UART has no way to tell.
   */
  readonly stream: Duplex;
  /** Why the port was lost; undefined while it is open and when we closed it. */
  readonly lostBecause: string | undefined;
  /** Who else has it open: such a process takes away a part of what is received, without an error anywhere. */
  otherHolders(): Promise<readonly PortHolder[]>;
}

export interface SerialPorts {
  /**
   * Opens a port for this process alone.
   *
   * @throws {WeirError} SERIAL_PORT_FAILED when it is not there, may not be opened, or somebody holds its lock.
   */
  open(options: SerialPortOptions): Promise<SerialPort>;
}
