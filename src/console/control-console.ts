import { isIP } from 'node:net';
import { Duplex } from 'node:stream';
import { WeirError } from '#base';
import type { User } from './command.ts';
import type { Console } from './console.ts';
import { maxTextLength } from './screen.ts';
import { plainSize, type Size, Terminal } from './terminal/index.ts';

/** A connection that carries objects: the local control socket. */
export interface FrameLink {
  readonly gone: AbortSignal;
  onFrame(take: (frame: Readonly<Record<string, unknown>>) => void): void;
  pause(): void;
  resume(): void;
  send(frame: object): Promise<void>;
  end(): void;
}

const place = 'control socket';

/**
 * `weir console`. Whoever may open the control socket may do everything: no login. In: `{"input":"text"}` and
 * `{"size":{"columns":80,"rows":24}}`; out: `{"output":"text"}`, of scripts `{"error":"text"}`, and last `{"exit":0}`. `{"ping":1}` is
 * answered by `{"pong":1}`, by which the other end knows that somebody hears what is typed. A script, which nobody is asked in, comes
 * as `{"script":"text"}`, in as many pieces as it takes, and `{"run":true}`.
 *
 * `argument`: who it is, the size of the terminal, whether it is a `script`, the
 * `address` of the box that they have come to over the network.
 */
export async function serveControlConsole(
  console: Console,
  link: FrameLink,
  argument: unknown,
): Promise<void> {
  const request = isObject(argument) ? argument : {};
  const way = { over: 'control socket', address: addressOf(request.address) } as const;
  const user: User = { who: nameOf(request.who), userClass: 'administrator', way };
  if (request.script === true) {
    const script = await scriptFrom(link);
    const done = await console.runScript(script.split(/\r?\n/), user, {
      write: (output) => link.send({ output }),
      complain: (error) => void link.send({ error }),
      gone: link.gone,
    });
    await link.send({ exit: done ? 0 : 1 });
  } else {
    const stream = duplexOf(link);
    const terminal = new Terminal(stream, sizeOf(request.size));
    link.onFrame((frame) => {
      if (typeof frame.input === 'string' && !stream.push(Buffer.from(frame.input))) link.pause();
      if (frame.size !== undefined) terminal.size = sizeOf(frame.size);
      if (frame.ping !== undefined) void link.send({ pong: frame.ping });
    });
    await console.attend(terminal, user, place);
    await link.send({ exit: 0 });
    stream.destroy();
  }
  link.end();
}

/** Rejects when whoever sends it is gone, or does not come to an end. */
function scriptFrom(link: FrameLink): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    link.gone.addEventListener('abort', () => reject(link.gone.reason), { once: true });
    link.onFrame(({ script, run }) => {
      if (typeof script === 'string') text += script;
      const endless = text.length > maxTextLength;
      if (run !== true && !endless) return;
      link.onFrame(() => {});
      if (endless) reject(new WeirError('LIMIT_REACHED', 'this script has no end'));
      else resolve(text);
    });
  });
}

function duplexOf(link: FrameLink): Duplex {
  const stream = new Duplex({
    decodeStrings: false,
    read: () => link.resume(),
    write: (output, _encoding, done) => void link.send({ output: String(output) }).then(() => done()),
  });
  link.gone.addEventListener('abort', () => stream.destroy(), { once: true });
  return stream;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** What the client says of who it runs for; kept with commits and logged, so it is one plain word. */
const nameOf = (who: unknown): string => (/^[\w.@-]{1,64}$/.test(String(who)) ? String(who) : 'local');

const addressOf = (address: unknown): string | undefined =>
  isIP(String(address)) ? String(address) : undefined;

function sizeOf(size: unknown): Size {
  const { columns, rows } = isObject(size) ? size : {};
  const fits = (value: unknown, least: number): value is number =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= 1000;
  return fits(columns, 10) && fits(rows, 2) ? { columns, rows } : plainSize;
}
