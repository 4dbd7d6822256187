import { type Alarms, type Clock, type Closeable, describeError, type Log } from '#base';
import type { Board, FlashWear } from '#hal';

const checkMs = 30_000;
/** A box that has just got a network needs so long until its clock is set. */
const clockSeconds = 600;
const hotMilliC = 95_000;
/** Goes off only below, so that it does not come and go. */
const coolMilliC = 88_000;
const lowMemoryBytes = 48n * 1024n * 1024n;
const enoughMemoryBytes = 64n * 1024n * 1024n;
const wornPercent = 80;

/** Looks at the machine from time to time and raises an alarm where a person has to do something about it. */
export class BoardChecks implements Closeable {
  readonly #board: Board;
  readonly #alarms: Alarms;
  readonly #log: Log;
  readonly #timer: Disposable;
  #checking: Promise<void> | undefined;

  constructor(options: { board: Board; alarms: Alarms; clock: Clock; log: Log }) {
    this.#board = options.board;
    this.#alarms = options.alarms;
    this.#log = options.log;
    this.#timer = options.clock.every(checkMs, () => this.#begin());
    this.#begin();
  }

  #begin(): void {
    this.#checking ??= this.#check()
      .catch((error) => this.#log.warn('the board cannot be looked at', { error: describeError(error) }))
      .finally(() => {
        this.#checking = undefined;
      });
  }

  async #check(): Promise<void> {
    const { uptimeSeconds, memoryAvailableBytes, temperatureMilliC } = await this.#board.load();
    if (this.#board.clockSynchronised()) this.#alarms.clear('clock.notSynchronised');
    else if (uptimeSeconds >= clockSeconds) {
      this.#alarms.raise({
        name: 'clock.notSynchronised',
        severity: 'minor',
        text: 'no time server keeps the clock: records say that their times are not to be trusted',
      });
    }
    if (temperatureMilliC !== undefined) this.#checkTemperature(temperatureMilliC);
    this.#checkMemory(memoryAvailableBytes);
    for (const wear of await this.#board.flashWear()) this.#checkFlash(wear);
  }

  #checkTemperature(milliC: number): void {
    if (milliC >= hotMilliC) {
      const text = `the board is at ${Math.round(milliC / 1000)} °C: give it air`;
      this.#alarms.raise({ name: 'board.hot', severity: 'major', text });
    } else if (milliC <= coolMilliC) this.#alarms.clear('board.hot');
  }

  #checkMemory(availableBytes: bigint): void {
    if (availableBytes < lowMemoryBytes) {
      const text = `${availableBytes / 1_048_576n} MiB of memory are left: lower relay.maxViewers or relay.ringBytes`;
      this.#alarms.raise({ name: 'board.memoryLow', severity: 'major', text });
    } else if (availableBytes >= enoughMemoryBytes) this.#alarms.clear('board.memoryLow');
  }

  #checkFlash({ device, lifeUsedPercent, spareBlocks }: FlashWear): void {
    const worn = (lifeUsedPercent ?? 0) >= wornPercent;
    if (!worn && (spareBlocks ?? 'normal') === 'normal') {
      this.#alarms.clear('board.flashWorn', device);
      return;
    }
    const life = lifeUsedPercent === undefined ? '' : `, ${lifeUsedPercent} % of its life is used`;
    this.#alarms.raise({
      name: 'board.flashWorn',
      subject: device,
      severity: spareBlocks === 'urgent' ? 'critical' : 'major',
      text: `the flash wears out${life}: replace the board before it fails`,
    });
  }

  async close(): Promise<void> {
    this.#timer[Symbol.dispose]();
    await this.#checking;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
