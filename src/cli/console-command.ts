import { userInfo } from 'node:os';
import type { ReadStream, WriteStream } from 'node:tty';
import type { ControlStream } from '../status/index.ts';

/** Of the daemon's end. */
interface Frame {
  readonly output?: string;
  readonly error?: string;
  readonly exit?: number;
}

/** The daemon does not take longer lines than 64 KiB, and a character may need six bytes in JSON. */
const chunkLength = 8192;

/** What a console says when it is opened: who is there, and before what. */
export interface ConsoleRequest {
  readonly who: string;
  /** Of this machine, when they have come to it by ssh. */
  readonly address?: string;
  readonly size?: { readonly columns: number; readonly rows: number };
  /** Nobody types: commands follow, which are carried out one after the other until one fails. */
  readonly script?: true;
}

/** What this process has to say of itself. */
export function consoleRequest(options: {
  readonly script: boolean;
  readonly terminal: { readonly columns?: number; readonly rows?: number };
}): ConsoleRequest {
  const { script, terminal } = options;
  const { columns = 80, rows = 24 } = terminal;
  // Who became root to do this is told rather than root.
  const who = process.env.SUDO_USER ?? process.env.USER ?? nameOfProcess();
  // ssh(1): the client's address and port, the server's address and port.
  const address = process.env.SSH_CONNECTION?.split(' ')[2];
  return { who, size: { columns, rows }, ...(address && { address }), ...(script && { script }) };
}

/** Of the account that this runs under; the machine may know no name for it. */
function nameOfProcess(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid${process.getuid?.()}`;
  }
}

/** What `talkToConsole` needs of a terminal: `process.stdin` and `process.stdout`. */
export interface OwnTerminal {
  readonly input: Pick<ReadStream, 'setRawMode' | 'setEncoding' | 'on' | 'off' | 'pause'>;
  readonly output: Pick<WriteStream, 'write' | 'once' | 'on' | 'off' | 'columns' | 'rows'>;
}

/** ^], as of telnet(1): leaves from this end, whatever the other end does. Nothing on the console means it. */
const escapeKey = '\x1d';
/** ^C and ^D: whoever types them wants to get out. */
const wantsOut = (text: string): boolean => text.includes('\x03') || text.includes('\x04');
/** The daemon hears a key within milliseconds, unless it is stopped or stuck. */
const silenceMs = 2000;

/**
 * `weir console`: joins the terminal and the daemon until the daemon says that it is over; its exit code. As the terminal is raw, ^C is
 * the daemon's to answer: when it does not, this end says so, and the next ^C or ^D leaves. ^] leaves at once.
 */
export async function talkToConsole(
  stream: ControlStream,
  { input, output }: OwnTerminal,
  { patienceMs = silenceMs }: { readonly patienceMs?: number } = {},
): Promise<number> {
  const left = new AbortController();
  let unanswered: NodeJS.Timeout | undefined;
  let silent = false;
  const heard = () => {
    clearTimeout(unanswered);
    unanswered = undefined;
    silent = false;
  };
  const hear = () => {
    unanswered ??= setTimeout(() => {
      silent = true;
      output.write('\r\nWeir does not answer: wait, or leave with ^C or ^D\r\n');
    }, patienceMs);
    void stream.send({ ping: 1 });
  };
  const resize = () => void stream.send({ size: { columns: output.columns, rows: output.rows } });
  const type = (text: string) => {
    if (text === escapeKey || (silent && wantsOut(text))) return left.abort();
    for (const input of chunksOf(text)) void stream.send({ input });
    if (wantsOut(text)) hear();
  };
  const hangUp = () => stream.end();
  input.setRawMode(true);
  input.setEncoding('utf8').on('data', type).on('end', hangUp);
  output.on('resize', resize);
  try {
    return await told(stream, { output, heard, left: left.signal });
  } finally {
    clearTimeout(unanswered);
    output.off('resize', resize);
    input.off('data', type).off('end', hangUp).setRawMode(false).pause();
  }
}

/** `weir console -c`, or with lines on standard input: has them carried out up to the first that fails; the exit code. */
export function runLines(
  stream: ControlStream,
  lines: readonly string[],
  output: NodeJS.WritableStream,
  errors: NodeJS.WritableStream = output,
): Promise<number> {
  const exit = told(stream, { output, errors });
  const send = async () => {
    for (const script of chunksOf(lines.join('\n'))) await stream.send({ script });
    await stream.send({ run: true });
  };
  void send();
  return exit;
}

function* chunksOf(text: string): Generator<string> {
  for (let at = 0; at < text.length; at += chunkLength) yield text.slice(at, at + chunkLength);
}

/**
 * Writes what the daemon tells, errors to another place, until it says that it is over; its exit code.
 *
 * @param options `heard` is called with each sign of life. `left`: aborted when it shall be over from this end; the code is 1 then.
 */
function told(
  stream: ControlStream,
  options: {
    readonly output: Pick<NodeJS.WritableStream, 'write' | 'once'>;
    readonly errors?: Pick<NodeJS.WritableStream, 'write'>;
    readonly heard?: () => void;
    readonly left?: AbortSignal;
  },
): Promise<number> {
  const { output, errors = output, heard, left } = options;
  return new Promise((resolve, reject) => {
    const lost = () => reject(stream.gone.reason);
    stream.gone.addEventListener('abort', lost, { once: true });
    left?.addEventListener('abort', () => {
      stream.gone.removeEventListener('abort', lost);
      stream.destroy();
      output.write('\r\n');
      resolve(1);
    });
    stream.onFrame((frame: Frame) => {
      heard?.();
      if (typeof frame.error === 'string') errors.write(frame.error);
      if (typeof frame.output === 'string' && !output.write(frame.output)) {
        stream.pause();
        output.once('drain', () => stream.resume());
      }
      if (typeof frame.exit !== 'number') return;
      stream.gone.removeEventListener('abort', lost);
      stream.end();
      resolve(frame.exit);
    });
  });
}
