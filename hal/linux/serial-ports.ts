/** Serial ports of Linux. The only importer of serialport. */
import { read, write } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { Duplex } from 'node:stream';
import { promisify } from 'node:util';
import { SerialPort as SerialPortPackage } from 'serialport';
import { describeError, WeirError } from '#base';
import type { RootVerbs } from '../root-verbs.ts';
import type { PortHolder, SerialPort, SerialPortOptions, SerialPorts } from '../serial-port.ts';
import { holdersOf, parseHolders } from './port-holders.ts';

const readBytes = promisify(read);
const writeBytes = promisify(write);
const chunkBytes = 4096;
const noPort = 'name one that exists with `set console port`';

/** enum uv_poll_event (uv.h). */
const UV_READABLE = 1;
const UV_WRITABLE = 2;

/**
 * Of the package only what sets a port up and waits for it is used. Its own stream reads again and again, at full speed, from a
 * device that is gone, because that reads as nothing (0 bytes) and not as an error.
 */
type Binding = Extract<Awaited<ReturnType<typeof SerialPortPackage.binding.open>>, { poller: unknown }>;

export class LinuxSerialPorts implements SerialPorts {
  readonly #rootVerbs: RootVerbs | undefined;

  /** `rootVerbs`: asked for who else has a port open, where a process sees no others. */
  constructor(options: { readonly rootVerbs?: RootVerbs } = {}) {
    this.#rootVerbs = options.rootVerbs;
  }

  async open({ path, baud }: SerialPortOptions): Promise<SerialPort> {
    const failed = (why: string, cause: unknown) =>
      new WeirError('SERIAL_PORT_FAILED', `cannot open the serial port ${path}: ${why}`, {
        fields: { path, baud },
        advice: /lock|busy/i.test(why) ? 'end the program that uses it' : noPort,
        cause,
      });
    const device = await realpath(path).catch((cause) => {
      throw failed((cause as NodeJS.ErrnoException).code ?? 'it is not there', cause);
    });
    const options = { path: device, baudRate: baud, lock: true, hupcl: false };
    const binding = await SerialPortPackage.binding.open(options).catch((cause) => {
      // "Error: No such file or directory, cannot open /dev/ttyS9"
      throw failed(describeError(cause).replace(/^Error:? /, ''), cause);
    });
    if (!('poller' in binding)) throw failed('this is not Linux', undefined);
    return new LinuxSerialPort({ path, binding, holders: () => this.#holdersOf(device) });
  }

  async #holdersOf(device: string): Promise<readonly PortHolder[]> {
    if (!this.#rootVerbs?.has('port-holders')) return await holdersOf(device);
    return parseHolders(await this.#rootVerbs.run('port-holders', [device]));
  }
}

class LinuxSerialPort implements SerialPort {
  readonly path: string;
  readonly stream: Duplex;
  readonly #holders: () => Promise<readonly PortHolder[]>;
  readonly #binding: Binding;
  /** Reading that is under way; the file is closed only when it has ended, or it could read what another file has by then. */
  #reading: Promise<void> = Promise.resolve();
  #writing: Promise<void> = Promise.resolve();
  readonly #waits: { readable?: () => void; writable?: () => void } = {};
  #lostBecause: string | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: {
    path: string;
    binding: Binding;
    holders: () => Promise<readonly PortHolder[]>;
  }) {
    const { path, binding, holders } = options;
    this.path = path;
    this.#holders = holders;
    this.#binding = binding;
    binding.poller.on('readable', () => this.#ready('readable'));
    binding.poller.on('writable', () => this.#ready('writable'));
    this.stream = new Duplex({
      read: () => {
        this.#reading = this.#read();
      },
      write: (bytes: Buffer, _encoding, done) => {
        this.#writing = this.#write(bytes).then(() => done());
      },
      destroy: (error, done) => void this.close().finally(() => done(error)),
    });
  }

  get lostBecause(): string | undefined {
    return this.#lostBecause;
  }

  otherHolders(): Promise<readonly PortHolder[]> {
    return this.#holders();
  }

  /** Until there is something; a reader that is slow leaves it with the kernel. */
  async #read(): Promise<void> {
    const buffer = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      const { fd } = this.#binding;
      if (this.#closing !== undefined || fd === null) return;
      try {
        const { bytesRead } = await readBytes(fd, buffer, 0, chunkBytes, null);
        if (bytesRead === 0) return this.#lose('the device is gone');
        this.stream.push(buffer.subarray(0, bytesRead));
        return;
      } catch (error) {
        if (!isAgain(error)) return this.#lose(codeOf(error));
      }
      await this.#until('readable');
    }
  }

  async #write(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const { fd } = this.#binding;
      if (this.#closing !== undefined || fd === null) return;
      try {
        at += (await writeBytes(fd, bytes, at, bytes.length - at)).bytesWritten;
      } catch (error) {
        if (!isAgain(error)) return this.#lose(codeOf(error));
        await this.#until('writable');
      }
    }
  }

  /**
   * Waits; also ends when waiting is given up, or the device is gone: the next call to the kernel tells which. Nobody would end a wait
   * that begins when the port is being closed already: the call to the kernel before it was under way until then.
   */
  #until(event: 'readable' | 'writable'): Promise<void> {
    if (this.#closing !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waits[event] = resolve;
      this.#arm();
    });
  }

  /** To wait for one thing more is to name all that is waited for: the poller forgets what it is not told again. */
  #arm(): void {
    const { readable, writable } = this.#waits;
    this.#binding.poller.poll((readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0));
  }

  /**
   * The poller calls from where no promise is ever continued: in a process that is idle otherwise that would be at the next timer,
   * whenever that is. An immediate goes off in the same turn of the loop.
   */
  #ready(event: 'readable' | 'writable'): void {
    const resolve = this.#waits[event];
    delete this.#waits[event];
    if (resolve !== undefined) setImmediate(resolve);
  }

  #lose(why: string): void {
    if (this.#closing !== undefined) return;
    this.#lostBecause = why;
    this.stream.destroy();
  }

  close(): Promise<void> {
    // Later than now, for to destroy the stream is to close the port, which is under way then.
    this.#closing ??= Promise.resolve().then(() => this.#shutdown());
    return this.#closing;
  }

  async #shutdown(): Promise<void> {
    this.stream.destroy();
    // Whoever waits for the port is told that waiting is over.
    this.#binding.poller.stop();
    await Promise.all([this.#reading, this.#writing]);
    await this.#binding.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const isAgain = (error: unknown): boolean => ['EAGAIN', 'EWOULDBLOCK', 'EINTR'].includes(codeOf(error));
const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? describeError(error);
