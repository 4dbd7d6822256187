import type { Key } from './keys.ts';

/** Of a line, in UTF-16 units: room for the longest list of the configuration in brackets. Noise on a serial line may have no end. */
export const maxLine = 65_536;

/** A line while it is edited: its text and the cursor. Knows nothing of how it is shown. */
export class LineBuffer {
  #before = '';
  #after = '';
  #killed = '';
  #overflowed = false;

  /** Not all that was typed had room: this is a part of what was meant, until the line is empty again. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  get text(): string {
    return this.#before + this.#after;
  }

  /** Before the cursor. */
  get before(): string {
    return this.#before;
  }

  get after(): string {
    return this.#after;
  }

  set(text: string): void {
    this.#before = text;
    this.#after = '';
    this.#overflowed = false;
  }

  /** As much of `text` as there is room for; false when that is not all. */
  insert(text: string): boolean {
    const room = maxLine - this.#before.length - this.#after.length;
    const fits = text.length <= room ? text : wholeCharacters(text.slice(0, room));
    this.#before += fits;
    this.#overflowed ||= fits !== text;
    return fits === text;
  }

  /** Does what an editing key says; false for a key that edits nothing, or has nothing to edit. */
  edit(key: Key): boolean {
    const was = { before: this.#before, after: this.#after };
    switch (key.name) {
      case 'left':
        this.#move(-lastLength(this.#before));
        break;
      case 'right':
        this.#move(firstLength(this.#after));
        break;
      case 'home':
        this.#move(-this.#before.length);
        break;
      case 'end':
        this.#move(this.#after.length);
        break;
      case 'word-left':
        this.#move(-this.#wordBefore());
        break;
      case 'word-right':
        this.#move(/^\s*\S*/.exec(this.#after)?.[0].length ?? 0);
        break;
      case 'backspace':
        this.#before = this.#before.slice(0, this.#before.length - lastLength(this.#before));
        break;
      case 'delete':
        this.#after = this.#after.slice(firstLength(this.#after));
        break;
      case 'kill-to-end':
        this.#killed = this.#after;
        this.#after = '';
        break;
      case 'kill-line':
        this.#killed = this.text;
        this.set('');
        break;
      case 'kill-word': {
        const kept = this.#before.length - this.#wordBefore();
        this.#killed = this.#before.slice(kept);
        this.#before = this.#before.slice(0, kept);
        break;
      }
      case 'yank':
        this.insert(this.#killed);
        break;
      default:
        return false;
    }
    if (this.text === '') this.#overflowed = false;
    return was.before !== this.#before || was.after !== this.#after;
  }

  #move(by: number): void {
    const text = this.text;
    const at = this.#before.length + by;
    this.#before = text.slice(0, at);
    this.#after = text.slice(at);
  }

  #wordBefore(): number {
    const end = this.#before.trimEnd();
    return this.#before.length - (end.lastIndexOf(' ') + 1);
  }
}

/** A character may be two UTF-16 units: half of one is none. */
const lastLength = (text: string): number =>
  /[\ud800-\udbff][\udc00-\udfff]$/.test(text) ? 2 : Math.min(1, text.length);
const firstLength = (text: string): number =>
  /^[\ud800-\udbff][\udc00-\udfff]/.test(text) ? 2 : Math.min(1, text.length);
const wholeCharacters = (text: string): string => text.replace(/[\ud800-\udbff]$/, '');
