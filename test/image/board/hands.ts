import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { systemClock } from '#base';

/** QEMU's virt machine: a PL061 with eight lines; its data register with the mask of all of them (ARM DDI 0190B s.3.3.1). */
const gpioData = 0x9030000 + (0xff << 2);
/** QEMU lets a button go 100 ms after it was pressed, unless it is pressed again before. */
const againMs = 25;
const prompt = '(qemu) ';

/** Somebody in front of a machine that QEMU emulates: presses its button, sees its LEDs. By QEMU's monitor. */
export class Hands implements AsyncDisposable {
  readonly #socket: Socket;
  #seen = '';
  #news: (() => void) | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#seen += text;
      this.#news?.();
    });
    socket.on('error', () => {}).on('close', () => this.#news?.());
  }

  static async at(monitor: string): Promise<Hands> {
    const socket = connect(monitor);
    await once(socket, 'connect');
    const hands = new Hands(socket);
    await hands.#answered();
    return hands;
  }

  /** The button is down for so long; `meanwhile` is awaited with it down and let go after that. */
  async hold(ms: number, meanwhile: Promise<unknown> = Promise.resolve()): Promise<void> {
    const until = systemClock.monoNs() + BigInt(ms) * 1_000_000n;
    let waiting = true;
    const done = meanwhile.finally(() => {
      waiting = false;
    });
    done.catch(() => {});
    while (waiting || systemClock.monoNs() < until) {
      await this.#ask('system_powerdown');
      await systemClock.sleep(againMs);
    }
    await done;
  }

  /** The line that an LED is at is high. */
  async isLit(line: number): Promise<boolean> {
    const said = await this.#ask(`xp /1bx 0x${gpioData.toString(16)}`);
    const [, value = '0'] = /: 0x([0-9a-f]{2})/.exec(said) ?? [];
    return ((Number.parseInt(value, 16) >> line) & 1) === 1;
  }

  /** How an LED blinks: the times it was on and off one after the other, in milliseconds, as somebody sees it who looks for `ms`. */
  async watch(line: number, ms: number): Promise<readonly { readonly lit: boolean; readonly ms: number }[]> {
    const spans: { lit: boolean; ms: number }[] = [];
    let begun = systemClock.monoNs();
    let lit = await this.isLit(line);
    for (const until = begun + BigInt(ms) * 1_000_000n; systemClock.monoNs() < until; ) {
      await systemClock.sleep(10);
      const now = await this.isLit(line);
      if (now === lit) continue;
      const at = systemClock.monoNs();
      spans.push({ lit, ms: Number(at - begun) / 1e6 });
      lit = now;
      begun = at;
    }
    return spans;
  }

  /** One order at a time; what was answered. */
  #ask(order: string): Promise<string> {
    const answer = this.#turn.then(() => {
      this.#socket.write(`${order}\n`);
      return this.#answered();
    });
    this.#turn = answer.catch(() => {});
    return answer;
  }

  async #answered(): Promise<string> {
    while (!this.#seen.endsWith(prompt)) {
      if (this.#socket.destroyed) throw new Error('the machine is gone');
      await new Promise<void>((resolve) => {
        this.#news = resolve;
      });
    }
    const answer = this.#seen.slice(0, -prompt.length);
    this.#seen = '';
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
  }
}
