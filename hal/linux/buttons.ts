import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { access, constants, readdir, readFile, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { describeError, type Log, Signal, WeirError } from '#base';
import type { Button, ButtonMatch, Buttons } from '../buttons.ts';
import { KeyEvents } from './key-events.ts';

/** Drivers of devices that are nothing but buttons on the board. A keyboard that somebody plugs in is none of them. */
const boardDrivers: ReadonlySet<string> = new Set(['gpio-keys', 'gpio-keys-polled', 'adc-keys']);

/** Input devices of the kernel (evdev), which say when a key goes down and up. */
export class LinuxButtons implements Buttons {
  readonly #sys: string;
  readonly #dev: string;
  readonly #log: Log;

  constructor(options: { log: Log; sys?: string; dev?: string }) {
    this.#log = options.log;
    this.#sys = options.sys ?? '/sys';
    this.#dev = options.dev ?? '/dev';
  }

  async open(match: ButtonMatch): Promise<Button | undefined> {
    const folder = join(this.#sys, 'class', 'input');
    const events = (await readdir(folder).catch(() => [])).filter((name) => /^event\d+$/.test(name));
    for (const event of events.sort()) {
      const device = await fitting(join(folder, event, 'device'), match);
      if (device === undefined) continue;
      const path = join(this.#dev, 'input', event);
      await access(path, constants.R_OK).catch((cause) => {
        throw new WeirError('MISSING_RIGHTS', `cannot read the button ${device} at ${path}`, {
          advice: 'let Weir be a member of the group `input`',
          cause,
        });
      });
      return new EvdevButton({ device, key: match.key, path, log: this.#log });
    }
    return undefined;
  }
}

/** The name of the device below `folder` when it has that key and is the one that is meant. */
async function fitting(folder: string, { device, key }: ButtonMatch): Promise<string | undefined> {
  const read = (name: string) =>
    readFile(join(folder, name), 'utf8').then(
      (text) => text.trim(),
      () => '',
    );
  const name = await read('name');
  if (!hasKey(await read(join('capabilities', 'key')), key)) return undefined;
  if (device !== undefined) return name === device ? name : undefined;
  const driver = await readlink(join(folder, 'device', 'driver')).catch(() => '');
  return boardDrivers.has(basename(driver)) ? name : undefined;
}

/** `10000 0 0`: a bit per key, in words of 64 in hexadecimal, the last one first. */
function hasKey(bitmap: string, key: number): boolean {
  const word = bitmap.split(/\s+/).toReversed()[Math.floor(key / 64)] ?? '';
  return /^[0-9a-f]{1,16}$/.test(word) && (BigInt(`0x${word}`) >> BigInt(key % 64)) % 2n === 1n;
}

/**
 * A child process waits for what the device says: a read of it by this one would hold a thread of libuv's pool until somebody pressed
 * the button, also at the end.
 */
class EvdevButton implements Button {
  readonly device: string;
  readonly key: number;
  readonly moved: Button['moved'];
  readonly gone: Button['gone'];
  readonly #reader: ChildProcessByStdio<null, Readable, Readable>;
  readonly #ended: Promise<void>;
  #closed = false;

  constructor({ device, key, path, log }: { device: string; key: number; path: string; log: Log }) {
    this.device = device;
    this.key = key;
    const failed = (error: unknown) =>
      log.error('a listener to a button failed', { error: describeError(error) });
    this.moved = new Signal(failed);
    this.gone = new Signal(failed);
    const events = new KeyEvents();
    this.#reader = spawn('cat', [path], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    });
    let complaint = '';
    this.#reader.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = `${complaint}${text}`.slice(-200);
    });
    this.#reader.stdout.on('data', (bytes: Buffer) => {
      for (const event of events.read(bytes)) {
        if (event.code === key && !this.#closed) this.moved.emit({ down: event.down });
      }
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = promise;
    const end = (why: string) => {
      resolve();
      if (this.#closed) return;
      this.#closed = true;
      this.gone.emit({ why });
    };
    this.#reader.on('error', (error) => end(error.message));
    this.#reader.on('close', (status) => end(complaint.trim() || `its reader ended with ${status}`));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#reader.kill('SIGKILL');
    await this.#ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
