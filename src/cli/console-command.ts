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
  /** Commands to carry out one after the other, until one fails; absent: somebody types. */
  readonly lines?: readonly string[];
}

/** What this process has to say of itself. */
export function consoleRequest(options: {
  readonly lines: readonly string[] | undefined;
  readonly terminal: { readonly columns?: number; readonly rows?: number };
}): ConsoleRequest {
  const { lines, terminal } = options;
  const { columns = 80, rows = 24 } = terminal;
  // Who became root to do this is told rather than root.
  const who = process.env.SUDO_USER ?? process.env.USER ?? `uid${process.getuid?.()}`;
  return { who, size: { columns, rows }, ...(lines && { lines }) };
}

/** `weir console`: joins the terminal and the daemon until the daemon says that it is over; its exit code. */
export function talkToConsole(
  stream: ControlStream,
  terminal: { readonly input: ReadStream; readonly output: WriteStream },
): Promise<number> {
  const { input, output } = terminal;
  const resize = () => void stream.send({ size: { columns: output.columns, rows: output.rows } });
  const type = (text: string) => {
    for (let at = 0; at < text.length; at += chunkLength) {
      void stream.send({ input: text.slice(at, at + chunkLength) });
    }
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

/** Writes what the daemon tells, errors to another place, until it says that it is over; its exit code. */
export function told(
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
