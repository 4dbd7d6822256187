import { join } from 'node:path';
import { run } from '../../../image/program.ts';
import type { GatewayBoard } from '../gateway.ts';
import { Hands } from './hands.ts';

const uBoot = '/usr/lib/u-boot/qemu_arm64/u-boot.bin';
/** No ACPI: the system is told of the board by a device tree, as by most boards with ARM processors. */
const machine = ['-cpu', 'cortex-a72', '-smp', '2', '-m', '1024'];
const kind = 'virt,gic-version=3,acpi=off';
const keyRestart = 408;
/** LED_COLOR_ID_GREEN and LED_COLOR_ID_RED (dt-bindings/leds/common.h). */
const [green, red] = [2, 1];

/** Which lines of the machine's GPIO the LEDs are at. QEMU's button is at line 3. */
export const ledLines = { 'green:status': 0, 'red:alarm': 1 } as const;
export const serialNumber = 'GW-0815-0042';

/**
 * A board that is started by U-Boot and described by a device tree: two LEDs at the GPIO, a reset button, a serial number. Made of the
 * device tree that QEMU has for its own machine.
 */
export class DeviceTreeBoard implements GatewayBoard {
  readonly #tree: string;
  readonly #monitor: string;

  private constructor(folder: string) {
    this.#tree = join(folder, 'board.dtb');
    this.#monitor = join(folder, 'hands');
  }

  static async make(folder: string): Promise<DeviceTreeBoard> {
    const board = new DeviceTreeBoard(folder);
    await run('qemu-system-aarch64', [
      '-M',
      `${kind},dumpdtb=${board.#tree}`,
      ...machine,
      '-nodefaults',
      '-display',
      'none',
    ]);
    const put = (node: string, property: string, type: 's' | 'i', ...values: readonly (string | number)[]) =>
      run('fdtput', ['-t', type, board.#tree, node, property, ...values.map(String)]);
    const phandle = (await run('fdtget', ['-t', 'i', board.#tree, '/pl061@9030000', 'phandle'])).trim();
    await put('/', 'model', 's', 'Emulated gateway');
    await put('/', 'serial-number', 's', serialNumber);
    await put('/gpio-keys/poweroff', 'linux,code', 'i', keyRestart);
    await put('/gpio-keys/poweroff', 'label', 's', 'reset');
    await run('fdtput', ['-c', board.#tree, '/leds']);
    await put('/leds', 'compatible', 's', 'gpio-leds');
    for (const [name, color] of [
      ['green:status', green],
      ['red:alarm', red],
    ] as const) {
      const node = `/leds/led-${ledLines[name]}`;
      await run('fdtput', ['-c', board.#tree, node]);
      await put(node, 'function', 's', name.split(':')[1] ?? '');
      await put(node, 'color', 'i', color);
      await put(node, 'gpios', 'i', phandle, ledLines[name], 0);
    }
    return board;
  }

  get arguments(): readonly string[] {
    return [
      ...['-M', kind, ...machine, '-dtb', this.#tree, '-bios', uBoot],
      ...['-monitor', `unix:${this.#monitor},server=on,wait=off`],
    ];
  }

  /** Once the machine runs. */
  hands(): Promise<Hands> {
    return Hands.at(this.#monitor);
  }
}
