/** `struct input_event` of a 64-bit kernel (linux/input.h): two times of 8 bytes, type, code, value. */
const eventBytes = 24;
const EV_KEY = 1;
/** 0 up, 1 down; 2 is a repetition, of which buttons have none. */
const [up, down] = [0, 1];

export interface KeyEvent {
  readonly code: number;
  readonly down: boolean;
}

/** Reads what evdev says, in whatever pieces it comes. */
export class KeyEvents {
  #rest: Buffer = Buffer.alloc(0);

  *read(bytes: Buffer): Generator<KeyEvent> {
    const all = Buffer.concat([this.#rest, bytes]);
    const whole = all.length - (all.length % eventBytes);
    this.#rest = all.subarray(whole);
    for (let at = 0; at < whole; at += eventBytes) {
      const type = all.readUInt16LE(at + 16);
      const code = all.readUInt16LE(at + 18);
      const value = all.readInt32LE(at + 20);
      if (type === EV_KEY && (value === up || value === down)) yield { code, down: value === down };
    }
  }
}
