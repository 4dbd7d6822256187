import { type Alarms, type Clock, type Closeable, describeError, type Log, WeirError } from '#base';
import type { Hal, LedPattern } from '#hal';
import type { Config } from './config/index.ts';
import { type BoxCondition, ResetButton, type ResetButtonListener, StatusLight } from './health/index.ts';
import type { Updates } from './operations/index.ts';

/** Drivers come late on some boards, and what is on a cable comes and goes. */
const lookMs = 30_000;
const identifyMs = 60_000;
const missing = 'panel.missing';
const stuck = 'panel.buttonStuck';

export interface FrontPanelOptions {
  readonly hal: Pick<Hal, 'leds' | 'buttons' | 'rootVerbs'>;
  readonly config: () => Config['system'];
  /** Whether what is configured is relayed. */
  readonly relaying: () => boolean;
  readonly updates: Pick<Updates, 'installing' | 'factoryReset'>;
  /** Tells whoever is at the console. */
  readonly announce: (text: string) => void;
  readonly alarms: Alarms;
  readonly clock: Clock;
  readonly log: Log;
}

export interface FrontPanelStatus {
  /** The LED that shows how the box is. */
  readonly led: { readonly name: string; readonly shows: LedPattern | null } | null;
  readonly resetButton: { readonly device: string; readonly key: number } | null;
}

/** What a person at the case sees and presses, where there is such a thing: a status LED and a reset button. */
export class FrontPanel implements Closeable {
  readonly #options: FrontPanelOptions;
  readonly #timer: Disposable;
  #light: StatusLight | undefined;
  #button: ResetButton | undefined;
  #identifyUntilMonoNs = 0n;
  #armed = false;
  #settling: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(options: FrontPanelOptions) {
    this.#options = options;
    this.#timer = options.clock.every(lookMs, () => this.configure());
    this.configure();
  }

  /** Brings LED and button to what is configured, as far as they are there. */
  configure(): void {
    this.#settling = this.#settling.then(async () => {
      if (this.#closing) return;
      await this.#look('led', () => this.#takeLed());
      await this.#look('reset button', () => this.#takeButton());
    });
  }

  /** Resolves when all that was asked for until now is done. */
  settled(): Promise<void> {
    return this.#settling;
  }

  status(): FrontPanelStatus {
    const light = this.#light;
    const button = this.#button?.button;
    return {
      led: light ? { name: light.led, shows: light.shown ?? null } : null,
      resetButton: button ? { device: button.device, key: button.key } : null,
    };
  }

  /**
   * The LED shows for a minute which of many boxes this one is.
   *
   * @throws {WeirError} NOT_AVAILABLE without an LED.
   */
  identify(): { readonly led: string; readonly seconds: number } {
    const light = this.#light;
    if (!light) {
      throw new WeirError('NOT_AVAILABLE', 'this box has no LED to show itself with', {
        advice: '`set system led` names one; `show system` says which there are',
      });
    }
    this.#identifyUntilMonoNs = this.#options.clock.monoNs() + BigInt(identifyMs) * 1_000_000n;
    light.look();
    return { led: light.led, seconds: identifyMs / 1000 };
  }

  async #look(subject: string, take: () => Promise<string | undefined>): Promise<void> {
    const { alarms, log } = this.#options;
    try {
      const text = await take();
      if (text === undefined) alarms.clear(missing, subject);
      else alarms.raise({ name: missing, subject, severity: 'minor', text });
    } catch (error) {
      log.warn('front panel', { subject, error: describeError(error) });
    }
  }

  /** Says what is missing, if it was asked for. */
  async #takeLed(): Promise<string | undefined> {
    const { hal, config, clock, log } = this.#options;
    const { led: named } = config();
    const there = hal.rootVerbs.has('led') ? await hal.leds.list() : [];
    const led = named === undefined ? statusLed(there) : there.find((name) => name === named);
    if (this.#light?.led !== led) {
      await this.#light?.close();
      this.#light =
        led === undefined
          ? undefined
          : new StatusLight({ leds: hal.leds, led, condition: () => this.#condition(), clock, log });
    }
    const wanted = named !== undefined && named !== 'none' && led === undefined;
    return wanted ? `there is no LED ${named}; there: ${there.join(', ') || 'none'}` : undefined;
  }

  async #takeButton(): Promise<string | undefined> {
    const { hal, config, clock } = this.#options;
    const { enabled, device, key } = config().resetButton;
    const open = this.#button?.button;
    const usable = enabled && hal.rootVerbs.has('factory-reset');
    if (open && usable && open.key === key && (device === undefined || open.device === device)) return;
    await this.#closeButton();
    if (!usable) return;
    const button = await hal.buttons.open({ device, key });
    if (!button) return device === undefined ? undefined : `there is no button ${device} with the key ${key}`;
    button.gone.on(({ why }) => {
      this.#options.log.warn('reset button gone', { device: button.device, why });
      this.#settling = this.#settling.then(() => this.#closeButton(button));
    });
    this.#button = new ResetButton({ button, clock, listener: this.#listener(button.device) });
  }

  /** The one that is open, or only `which`. */
  async #closeButton(which = this.#button?.button): Promise<void> {
    if (this.#button?.button !== which) return;
    const button = this.#button;
    this.#button = undefined;
    await button?.close();
  }

  #listener(device: string): ResetButtonListener {
    const { announce, alarms, log, updates } = this.#options;
    return {
      pressed: () => {
        log.info('reset button pressed', { device });
        if (this.#light) this.identify();
      },
      announce: (text) => {
        log.warn('reset button', { text });
        announce(text);
      },
      armed: (armed) => {
        this.#armed = armed;
        this.#light?.look();
      },
      stuck: (is) => {
        if (!is) return alarms.clear(stuck);
        const text = 'the reset button is down all the time: free it, or switch it off in the configuration';
        alarms.raise({ name: stuck, severity: 'minor', text });
      },
      reset: () => {
        updates.factoryReset({ includingRecords: false }).catch((error) => {
          log.error('not reset', { error: describeError(error) });
          announce(`the box cannot be reset: ${describeError(error)}`);
        });
      },
    };
  }

  #condition(): BoxCondition {
    const { alarms, clock, relaying, updates } = this.#options;
    if (this.#armed) return 'resetting';
    if (clock.monoNs() < this.#identifyUntilMonoNs) return 'identifying';
    if (updates.installing) return 'updating';
    if (alarms.standing().some(({ severity }) => severity !== 'minor')) return 'alarm';
    return relaying() ? 'well' : 'notRelaying';
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutdown();
    return this.#closing;
  }

  async #shutdown(): Promise<void> {
    this.#timer[Symbol.dispose]();
    await this.#settling;
    await this.#closeButton();
    await this.#light?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The LED that is called so by who made the board (`LED_FUNCTION_STATUS`, dt-bindings/leds/common.h): of several the green one. */
function statusLed(names: readonly string[]): string | undefined {
  const fitting = names.filter((name) => /(^|:)status(-\d+)?$/.test(name));
  return fitting.find((name) => name.includes('green')) ?? fitting[0];
}
