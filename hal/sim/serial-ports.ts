import { Duplex, duplexPair } from 'node:stream';
import { WeirError } from '#base';
import type { PortHolder, SerialPort, SerialPortOptions, SerialPorts } from '../serial-port.ts';

/** Serial ports with a cable whose other end is the test's. */
export class SimSerialPorts implements SerialPorts {
  readonly #open = new Map<string, SimSerialPort>();
  readonly #devices = new Map<string, { readonly line: Duplex; readonly holders: PortHolder[] }>();

  /** A device comes up; what is written into the stream that comes back is received by whoever opens it. */
  plugIn(path: string): Duplex {
    const [line, far] = duplexPair();
    this.#devices.set(path, { line, holders: [] });
    return far;
  }

  /** The device goes, as a USB adapter does that is pulled out. */
  unplug(path: string): void {
    this.#devices.delete(path);
    this.#open.get(path)?.lose('the device is gone');
  }

  /** Another process opens the port, without asking for its lock. */
  openElsewhere(path: string, holder: PortHolder): void {
    this.#devices.get(path)?.holders.push(holder);
  }

  closeElsewhere(path: string, pid: number): void {
    const holders = this.#devices.get(path)?.holders ?? [];
    const at = holders.findIndex((holder) => holder.pid === pid);
    if (at >= 0) holders.splice(at, 1);
  }

  async open({ path, baud }: SerialPortOptions): Promise<SerialPort> {
    const device = this.#devices.get(path);
    const why = device === undefined ? 'ENOENT' : this.#open.has(path) ? 'it is locked' : undefined;
    if (device === undefined || why !== undefined) {
      throw new WeirError('SERIAL_PORT_FAILED', `cannot open the serial port ${path}: ${why}`, {
        fields: { path, baud },
        advice: 'plug it in',
      });
    }
    const port = new SimSerialPort(path, device.line, device.holders, () => this.#open.delete(path));
    this.#open.set(path, port);
    return port;
  }
}

class SimSerialPort implements SerialPort {
  readonly path: string;
  readonly stream: Duplex;
  readonly #holders: readonly PortHolder[];
  #lostBecause: string | undefined;

  constructor(path: string, line: Duplex, holders: readonly PortHolder[], closed: () => void) {
    this.path = path;
    // The line stays when the port is closed, and is there for who opens it next.
    const take = (bytes: Buffer) => {
      if (!this.stream.push(bytes)) line.pause();
    };
    line.on('data', take);
    this.stream = new Duplex({
      read: () => void line.resume(),
      write: (bytes, _encoding, done) => void line.write(bytes, done),
      destroy: (error, done) => {
        line.off('data', take).pause();
        closed();
        done(error);
      },
    });
    this.#holders = holders;
  }

  get lostBecause(): string | undefined {
    return this.#lostBecause;
  }

  async otherHolders(): Promise<readonly PortHolder[]> {
    return this.#holders;
  }

  lose(why: string): void {
    this.#lostBecause = why;
    this.stream.destroy();
  }

  async close(): Promise<void> {
    this.stream.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
