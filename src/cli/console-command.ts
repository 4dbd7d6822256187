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
  const who = process.env.SUDO_USER ?? process.env.USER ?? `uid${process.getuid?.()}`;
  return { who, size: { columns, rows }, ...(script && { script }) };
}

/** `weir console`: joins the terminal and the daemon until the daemon says that it is over; its exit code. */
export function talkToConsole(
  stream: ControlStream,
  terminal: { readonly input: ReadStream; readonly output: WriteStream },
): Promise<number> {
  const { input, output } = terminal;
  const resize = () => void stream.send({ size: { columns: output.columns, rows: output.rows } });
  const type = (text: string) => {
    for (const input of chunksOf(text)) void stream.send({ input });
  };
  const hangUp = () => stream.end();
  input.setRawMode(true);
  input.setEncoding('utf8').on('data', type).on('end', hangUp);
  output.on('resize', resize);
  return told(stream, output).finally(() => {
    output.off('resize', resize);
    input.off('data', type).off('end', hangUp).setRawMode(false).pause();
  });
}

/** `weir console -c`, or with lines on standard input: has them carried out up to the first that fails; the exit code. */
export function runLines(
  stream: ControlStream,
  lines: readonly string[],
  output: NodeJS.WritableStream,
  errors: NodeJS.WritableStream = output,
): Promise<number> {
  const exit = told(stream, output, errors);
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

/** Writes what the daemon tells, errors to another place, until it says that it is over; its exit code. */
function told(
  stream: ControlStream,
  output: NodeJS.WritableStream,
  errors: NodeJS.WritableStream = output,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const lost = () => reject(stream.gone.reason);
    stream.gone.addEventListener('abort', lost, { once: true });
    stream.onFrame((frame: Frame) => {
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
