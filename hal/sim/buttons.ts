import { Signal } from '#base';
import type { Button, ButtonMatch, Buttons } from '../buttons.ts';

/** Buttons that a test presses. */
export class SimButtons implements Buttons {
  readonly #devices: { readonly device: string; readonly key: number; readonly onBoard: boolean }[] = [];
  readonly #open = new Set<SimButton>();

  put(device: string, key: number, onBoard = true): void {
    this.#devices.push({ device, key, onBoard });
  }

  press(device: string, key: number): void {
    this.#move(device, key, true);
  }

  release(device: string, key: number): void {
    this.#move(device, key, false);
  }

  /** The device goes, as one on a cable does that is pulled out. */
  take(device: string): void {
    this.#devices.splice(0, this.#devices.length, ...this.#devices.filter((one) => one.device !== device));
    for (const button of this.#open) if (button.device === device) button.lose('the device is gone');
  }

  async open({ device, key }: ButtonMatch): Promise<Button | undefined> {
    const found = this.#devices.find(
      (one) => one.key === key && (device === undefined ? one.onBoard : one.device === device),
    );
    if (!found) return undefined;
    const button = new SimButton(found.device, key, () => this.#open.delete(button));
    this.#open.add(button);
    return button;
  }

  #move(device: string, key: number, down: boolean): void {
    for (const button of this.#open) {
      if (button.device === device && button.key === key) button.moved.emit({ down });
    }
  }
}

class SimButton implements Button {
  readonly device: string;
  readonly key: number;
  readonly moved: Button['moved'];
  readonly gone: Button['gone'];
  readonly #closed: () => void;

  constructor(device: string, key: number, closed: () => void) {
    this.device = device;
    this.key = key;
    this.#closed = closed;
    const rethrow = (error: unknown) => {
      throw error;
    };
    this.moved = new Signal(rethrow);
    this.gone = new Signal(rethrow);
  }

  lose(why: string): void {
    this.#closed();
    this.gone.emit({ why });
  }

  async close(): Promise<void> {
    this.#closed();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
