/** CSI with a number and a letter, ESC with a character, a character. */
const esc = '\x1b';
const sequences = new RegExp(`${esc}\\[(\\d*)([A-Za-z])|${esc}.|([\\s\\S])`, 'gu');

/** What a terminal shows of what is written to it: the few controls that the console uses, as xterm does them. */
export class ScreenModel {
  readonly columns: number;
  readonly rows: string[][] = [[]];
  row = 0;
  column = 0;
  /** The last column was written; the next character goes to the next row. */
  #full = false;

  constructor(columns: number) {
    this.columns = columns;
  }

  write(text: string): void {
    const parts = text.matchAll(sequences);
    for (const [, count, control, character] of parts) {
      if (control !== undefined) this.#control(control, Number(count || 1), count ?? '');
      else if (character !== undefined) this.#put(character);
    }
  }

  #put(character: string): void {
    switch (character) {
      case '\r':
        this.column = 0;
        this.#full = false;
        return;
      case '\n':
        this.row += 1;
        this.#full = false;
        break;
      case '\b':
        this.column = Math.max(0, this.column - 1);
        this.#full = false;
        return;
      case '\x07':
        return;
      default:
        if (this.#full) {
          this.row += 1;
          this.column = 0;
          this.#full = false;
        }
        this.#cells()[this.column] = character;
        if (this.column === this.columns - 1) this.#full = true;
        else this.column += 1;
    }
    this.#cells();
  }

  #control(name: string, count: number, given: string): void {
    this.#full = false;
    if (name === 'A') this.row = Math.max(0, this.row - count);
    else if (name === 'B') this.row += count;
    else if (name === 'C') this.column = Math.min(this.columns - 1, this.column + count);
    else if (name === 'H') {
      this.row = 0;
      this.column = 0;
    } else if (name === 'J' && given === '2') this.rows.splice(0);
    else if (name === 'J' || name === 'K') {
      this.#cells().splice(this.column);
      if (name === 'J') this.rows.splice(this.row + 1);
    }
    this.#cells();
  }

  #cells(): string[] {
    while (this.rows.length <= this.row) this.rows.push([]);
    return this.rows[this.row] as string[];
  }

  /** What stands from a row on, one row after the other as if it were one. */
  textFrom(row: number): string {
    return this.rows
      .slice(row)
      .map((cells) => Array.from({ length: this.columns }, (_, at) => cells[at] ?? ' ').join(''))
      .join('')
      .trimEnd();
  }
}
