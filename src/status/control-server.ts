import { chmod, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Closeable, describeError, type Log, WeirError } from '#base';
import { ControlStream, maxLineBytes } from './control-stream.ts';

const maxConnections = 16;

/** Commands of the local control socket; each gets its argument, if any, and returns what is sent back as JSON. */
export type ControlCommands = Readonly<Record<string, (argument: string) => Promise<unknown>>>;

/** Commands after which a connection is theirs, until they end it; each gets its argument as it came. */
export type ControlStreams = Readonly<Record<string, (stream: ControlStream, argument: unknown) => void>>;

/** What a control socket does. */
export interface ControlServices {
  readonly commands: ControlCommands;
  readonly streams?: ControlStreams;
}

/**
 * The daemon's local control socket: one JSON object a line in, one a line out, only for those who may open the file.
 * In: `{"command":"show relay"}`, some with an `"argument"`. Out: the command's result, or `{"error":"..."}`. A command of `streams`
 * is answered `{"opened":"console"}`; from then on the lines are whatever that command says.
 */
export class ControlServer implements Closeable {
  readonly path: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #closing: Promise<void> | undefined;

  private constructor(path: string, server: Server) {
    this.path = path;
    this.#server = server;
  }

  /** @throws {WeirError} SOCKET_FAILED when another Weir answers there, or the place cannot be written. */
  static async open(
    path: string,
    { commands, streams = {} }: ControlServices,
    log: Log,
  ): Promise<ControlServer> {
    if (await answers(path)) {
      throw new WeirError('SOCKET_FAILED', `another Weir runs with the data folder of ${path}`, {
        advice: 'stop it first, or use another folder with --data',
      });
    }
    const failed = (cause: unknown) =>
      new WeirError('SOCKET_FAILED', `cannot open the control socket ${path}: ${codeOf(cause)}`, {
        cause,
        advice: 'name a folder that can be written with --data',
      });
    await unlink(path).catch((cause) => {
      if (codeOf(cause) !== 'ENOENT') throw failed(cause);
    });
    const server = createServer({ allowHalfOpen: true });
    const control = new ControlServer(path, server);
    server.maxConnections = maxConnections;
    server.on('connection', (socket) => control.#serve(socket, { commands, streams }, log));
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => reject(failed(cause)));
      server.listen(path, resolve);
    });
    server.on('error', (error) => log.warn('control socket', { error: error.message }));
    await chmod(path, 0o600);
    return control;
  }

  #serve(socket: Socket, { commands, streams }: Required<ControlServices>, log: Log): void {
    this.#sockets.add(socket);
    let text = '';
    let answered = Promise.resolve();
    socket.setEncoding('utf8');
    socket.on('error', (error) => log.debug('control connection broke', { error: error.message }));
    socket.on('close', () => this.#sockets.delete(socket));
    // One after the other: an answer does not say which line it belongs to.
    const take = (line: string) => {
      answered = answered.then(async () => {
        const answer = await answerLine(line, commands);
        if (socket.writable) socket.write(answer);
      });
    };
    const read = (chunk: string) => {
      text += chunk;
      if (text.length > maxLineBytes || socket.writableLength > maxLineBytes) return void socket.destroy();
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        const stream = streamOf(line, streams);
        if (stream === undefined) take(line);
        else {
          socket.off('data', read).off('end', hungUp);
          socket.write(`${JSON.stringify({ opened: stream.name })}\n`);
          return stream.begin(new ControlStream(socket, text));
        }
      }
    };
    const hungUp = () => void answered.then(() => socket.end());
    socket.on('data', read).on('end', hungUp);
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

async function answerLine(line: string, commands: ControlCommands): Promise<string> {
  try {
    const request: unknown = JSON.parse(line);
    const command =
      typeof request === 'object' && request !== null && 'command' in request ? request.command : '';
    const run =
      typeof command === 'string' && Object.hasOwn(commands, command) ? commands[command] : undefined;
    const answer = run
      ? await run(argumentOf(request))
      : { error: `unknown command; known are ${Object.keys(commands).join(', ')}` };
    return `${JSON.stringify(answer)}\n`;
  } catch (error) {
    return `${JSON.stringify({ error: describeError(error) })}\n`;
  }
}

/** What a line turns its connection into. */
interface StreamOrder {
  readonly name: string;
  readonly begin: (stream: ControlStream) => void;
}

/** Undefined: into nothing, it is a command with an answer. */
function streamOf(line: string, streams: ControlStreams): StreamOrder | undefined {
  try {
    const request: unknown = JSON.parse(line);
    if (typeof request !== 'object' || request === null || !('command' in request)) return undefined;
    const name = String(request.command);
    const begin = Object.hasOwn(streams, name) ? streams[name] : undefined;
    const argument = 'argument' in request ? request.argument : undefined;
    return begin && { name, begin: (stream) => begin(stream, argument) };
  } catch {
    return undefined;
  }
}

const argumentOf = (request: unknown): string =>
  typeof request === 'object' && request !== null && 'argument' in request ? String(request.argument) : '';

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);
