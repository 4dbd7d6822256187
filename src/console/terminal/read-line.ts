import type { History } from './history.ts';
import type { Key } from './keys.ts';
import { LineBuffer } from './line-buffer.ts';
import type { Terminal } from './terminal.ts';

/** What Tab and `?` do with what stands before the cursor. */
export interface Helper {
  /** Text that Tab adds, or what is listed below the line when it adds nothing; neither: the bell. */
  complete(before: string): Promise<{ readonly insert: string; readonly listing: string }>;
  /** What `?` lists; undefined when it is just a character here. */
  help(before: string): Promise<string | undefined>;
}

export interface ReadLineOptions {
  readonly prompt: string;
  /** Nothing is shown of what is typed. */
  readonly secret?: boolean;
  /** Where Up and Down look. Who reads the line decides whether it is added. */
  readonly history?: History;
  readonly helper?: Helper;
  /** Aborted when the line is not wanted any more; that rejects with its reason. */
  readonly unless?: AbortSignal | undefined;
}

/** A line, or that there is none: ^C, ^D where nothing was typed, or more than a line has room for. */
export type LineRead = { readonly line: string } | 'interrupted' | 'ended' | 'too long';

/** Reads a line that can be edited. Rejects with CONSOLE_CLOSED when nobody is there any more. */
export async function readLine(terminal: Terminal, options: ReadLineOptions): Promise<LineRead> {
  const { prompt, secret = false, history, helper, unless } = options;
  const buffer = new LineBuffer();
  const view = new LineView(terminal, prompt, secret);
  history?.leave();
  view.paint(buffer);
  const list = (listing: string) => {
    view.leave(buffer);
    terminal.write(`\n${listing}`);
    view.paint(buffer);
  };
  using _ = terminal.between(list);
  const next = async (): Promise<Key> => {
    try {
      return await terminal.readKey(unless);
    } catch (error) {
      if (unless?.aborted) {
        view.leave(buffer);
        terminal.write('\n');
      }
      throw error;
    }
  };
  for (;;) {
    const key = await next();
    switch (key.name) {
      case 'text': {
        const listing = key.text === '?' && !secret ? await helper?.help(buffer.before) : undefined;
        if (listing === undefined) view.insert(buffer, key.text);
        else list(listing);
        break;
      }
      case 'literal-next': {
        const literal = await next();
        if (literal.name === 'text') view.insert(buffer, literal.text);
        break;
      }
      case 'tab': {
        if (helper === undefined || secret) break;
        const { insert, listing } = await helper.complete(buffer.before);
        if (insert !== '') view.insert(buffer, insert);
        else if (listing !== '') list(listing);
        else terminal.write('\x07');
        break;
      }
      case 'up':
      case 'down': {
        // What is not the whole line is not kept for the way back either.
        if (buffer.overflowed) {
          terminal.write('\x07');
          break;
        }
        const found = key.name === 'up' ? history?.older(buffer.text) : history?.newer();
        if (found === undefined) break;
        view.rewind(buffer);
        buffer.set(found);
        view.paint(buffer);
        break;
      }
      case 'redraw':
        terminal.write('\x1b[2J\x1b[H');
        view.paint(buffer);
        break;
      case 'enter':
        view.leave(buffer);
        terminal.write('\n');
        // A part of what was meant is not what was meant.
        return buffer.overflowed ? 'too long' : { line: buffer.text };
      case 'interrupt':
        view.leave(buffer);
        terminal.write('^C\n');
        return 'interrupted';
      case 'end-of-input':
        if (buffer.text === '') {
          terminal.write('\n');
          return 'ended';
        }
        view.edit(buffer, { name: 'delete' });
        break;
      default:
        view.edit(buffer, key);
    }
  }
}

/** A prompt and a line on the screen, which may take several rows of it. */
class LineView {
  readonly #terminal: Terminal;
  readonly #prompt: string;
  readonly #secret: boolean;
  constructor(terminal: Terminal, prompt: string, secret: boolean) {
    this.#terminal = terminal;
    this.#prompt = prompt;
    this.#secret = secret;
  }

  /** From the start of a row. */
  paint(buffer: LineBuffer): void {
    const { columns } = this.#terminal.size;
    this.#write(this.#prompt + this.#shown(buffer.text));
    const end = this.#cells(buffer.text);
    const cursor = this.#cells(buffer.before);
    if (end > 0 && end % columns === 0) this.#write(wrap);
    if (cursor === end) return;
    this.#write(up(row(end, columns) - row(cursor, columns)) + column(cursor % columns));
  }

  /** The cursor goes to the start of the prompt, and all behind it goes. To be called before `buffer` changes. */
  rewind(buffer: LineBuffer): void {
    this.#write(`${up(row(this.#cells(buffer.before), this.#terminal.size.columns))}\r\x1b[J`);
  }

  /** The cursor goes behind the end of the line. */
  leave(buffer: LineBuffer): void {
    const { columns } = this.#terminal.size;
    const end = this.#cells(buffer.text);
    const cursor = this.#cells(buffer.before);
    if (cursor === end) return;
    this.#write(down(row(end, columns) - row(cursor, columns)) + column(end % columns));
  }

  insert(buffer: LineBuffer, text: string): void {
    const atEnd = buffer.after === '';
    const before = buffer.text.length;
    if (!atEnd) this.rewind(buffer);
    if (!buffer.insert(text)) this.#terminal.write('\x07');
    if (!atEnd) {
      this.paint(buffer);
      return;
    }
    this.#write(this.#shown(buffer.text.slice(before)));
    const end = this.#cells(buffer.text);
    if (buffer.text.length > before && end % this.#terminal.size.columns === 0) this.#write(wrap);
  }

  edit(buffer: LineBuffer, key: Parameters<LineBuffer['edit']>[0]): void {
    const before = { text: buffer.text, cursor: this.#cells(buffer.before), atEnd: buffer.after === '' };
    if (!buffer.edit(key)) return;
    const rows = row(before.cursor, this.#terminal.size.columns);
    // The last character of a short line went: shown as such, for slow lines and for those who watch.
    const shortened = before.atEnd && buffer.after === '' && before.text.startsWith(buffer.text);
    if (shortened && before.cursor - this.#cells(buffer.text) === 1 && rows === 0) {
      this.#write('\b \b');
      return;
    }
    this.#write(`${up(rows)}\r\x1b[J`);
    this.paint(buffer);
  }

  #write(text: string): void {
    if (text !== '') this.#terminal.write(text);
  }

  #shown(text: string): string {
    return this.#secret ? '' : text;
  }

  #cells(text: string): number {
    return cellsOf(this.#prompt) + (this.#secret ? 0 : cellsOf(text));
  }
}

/** One for each character: asked at each key, so without taking the text apart. */
function cellsOf(text: string): number {
  let cells = text.length;
  for (let at = 0; at < text.length; at += 1) if ((text.charCodeAt(at) & 0xfc00) === 0xdc00) cells -= 1;
  return cells;
}

/** A row that is just full leaves the cursor in it: a blank in the next one brings it there. */
const wrap = ' \r';
const row = (cells: number, columns: number): number => Math.floor(cells / columns);
const up = (rows: number): string => (rows > 0 ? `\x1b[${rows}A` : '');
const down = (rows: number): string => (rows > 0 ? `\x1b[${rows}B` : '');
const column = (at: number): string => (at > 0 ? `\r\x1b[${at}C` : '\r');
