import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isWeirError, silentLog } from '#base';
import { LinuxButtons } from '../../hal/linux/buttons.ts';
import { SimButtons } from '../../hal/sim/buttons.ts';
import { type ButtonsWorld, buttonsContract, keyPower, keyRestart } from './buttons.contract.ts';

describe('simulated buttons', () => {
  buttonsContract(async () => {
    const buttons = new SimButtons();
    for (const key of [keyPower, keyRestart]) buttons.put('gpio-keys', key);
    for (const key of [300, keyPower, keyRestart]) buttons.put('USB Keyboard', key, false);
    return {
      buttons,
      press: (device, key) => buttons.press(device, key),
      release: (device, key) => buttons.release(device, key),
      take: (device) => buttons.take(device),
      [Symbol.asyncDispose]: async () => {},
    };
  });
});

/** The bitmap of `keys` as the kernel prints it: words of 64, the highest first. */
function bitmap(keys: readonly number[]): string {
  const words = Array.from({ length: Math.floor(Math.max(...keys) / 64) + 1 }, (_, word) =>
    keys
      .filter((key) => Math.floor(key / 64) === word)
      .reduce((bits, key) => bits | (1n << BigInt(key % 64)), 0n),
  );
  return words
    .toReversed()
    .map((word) => word.toString(16))
    .join(' ');
}

/** `struct input_event`, and the report that ends what belongs together. */
function event(key: number, value: number): Buffer {
  const bytes = Buffer.alloc(48);
  bytes.writeUInt16LE(1, 16); // EV_KEY
  bytes.writeUInt16LE(key, 18);
  bytes.writeInt32LE(value, 20);
  return bytes;
}

/** Files as the kernel's, and pipes in the place of its devices. */
class PipesWorld implements ButtonsWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'weir-buttons-'));
  readonly buttons = new LinuxButtons({
    log: silentLog,
    sys: join(this.folder, 'sys'),
    dev: join(this.folder, 'dev'),
  });
  readonly #devices = new Map<string, { readonly event: string; readonly pipe: number }>();

  constructor() {
    this.#add('event0', 'USB Keyboard', 'usbhid', [300, keyPower, keyRestart]);
    this.#add('event1', 'gpio-keys', 'gpio-keys', [keyPower, keyRestart]);
    // A device of another kind, that has no keys.
    mkdirSync(join(this.folder, 'sys', 'class', 'input', 'mice', 'device'), { recursive: true });
  }

  #add(name: string, device: string, driver: string, keys: readonly number[]): void {
    const folder = join(this.folder, 'sys', 'class', 'input', name, 'device');
    mkdirSync(join(folder, 'capabilities'), { recursive: true });
    mkdirSync(join(folder, 'device'));
    writeFileSync(join(folder, 'name'), `${device}\n`);
    writeFileSync(join(folder, 'capabilities', 'key'), `${bitmap(keys)}\n`);
    symlinkSync(`../../../../bus/platform/drivers/${driver}`, join(folder, 'device', 'driver'));
    const path = join(this.folder, 'dev', 'input', name);
    mkdirSync(join(path, '..'), { recursive: true });
    execFileSync('mkfifo', [path]);
    // Open at both ends, so that it waits for nobody.
    this.#devices.set(device, { event: name, pipe: openSync(path, constants.O_RDWR) });
  }

  press(device: string, key: number): void {
    this.#write(device, event(key, 1));
  }

  release(device: string, key: number): void {
    this.#write(device, event(key, 0));
  }

  #write(device: string, bytes: Buffer): void {
    const { pipe } = this.#devices.get(device) ?? assert.fail(device);
    // As much at a time as it happens to be.
    writeSync(pipe, bytes.subarray(0, 19));
    writeSync(pipe, bytes.subarray(19));
  }

  take(device: string): void {
    const { event: name, pipe } = this.#devices.get(device) ?? assert.fail(device);
    this.#devices.delete(device);
    rmSync(join(this.folder, 'sys', 'class', 'input', name), { recursive: true });
    // First: who has not opened it yet shall not wait for somebody to write.
    rmSync(join(this.folder, 'dev', 'input', name));
    closeSync(pipe);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { pipe } of this.#devices.values()) closeSync(pipe);
    rmSync(this.folder, { recursive: true });
  }
}

describe('the buttons of Linux (evdev)', () => {
  buttonsContract(async () => new PipesWorld());

  it('say so when they may not be read', async () => {
    await using world = new PipesWorld();
    rmSync(join(world.folder, 'dev', 'input', 'event1'));
    await assert.rejects(world.buttons.open({ device: undefined, key: keyRestart }), (error) =>
      isWeirError(error, 'MISSING_RIGHTS'),
    );
  });

  it('are none on a machine without input devices', async () => {
    const buttons = new LinuxButtons({ log: silentLog, sys: '/nowhere', dev: '/nowhere' });
    assert.equal(await buttons.open({ device: undefined, key: keyRestart }), undefined);
  });
});
