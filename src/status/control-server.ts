import { chmod, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Closeable, describeError, type Log, WeirError } from '#base';

const maxLineBytes = 64 * 1024;
const maxConnections = 16;

/** Commands of the local control socket; each returns what is sent back as JSON. */
export type ControlCommands = Readonly<Record<string, () => Promise<unknown>>>;

/**
 * The daemon's local control socket: one JSON object a line in, one a line out, only for those who may open the file.
 * In: `{"command":"show relay"}`. Out: the command's result, or `{"error":"..."}`.
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
  static async open(path: string, commands: ControlCommands, log: Log): Promise<ControlServer> {
    if (await answers(path)) {
      throw new WeirError('SOCKET_FAILED', `another Weir runs with the data folder of ${path}`, {
        advice: 'stop it first, or use another folder with --data',
      });
    }
    await unlink(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    const server = createServer();
    const control = new ControlServer(path, server);
    server.maxConnections = maxConnections;
    server.on('connection', (socket) => control.#serve(socket, commands, log));
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause: NodeJS.ErrnoException) =>
        reject(
          new WeirError('SOCKET_FAILED', `cannot open the control socket ${path}: ${cause.code}`, {
            cause,
            advice: 'name a folder that can be written with --data',
          }),
        ),
      );
      server.listen(path, resolve);
    });
    await chmod(path, 0o600);
    return control;
  }

  #serve(socket: Socket, commands: ControlCommands, log: Log): void {
    this.#sockets.add(socket);
    let text = '';
    socket.setEncoding('utf8');
    socket.on('error', (error) => log.debug('control connection broke', { error: error.message }));
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > maxLineBytes) return void socket.destroy();
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) void this.#answer(socket, line, commands);
    });
  }

  async #answer(socket: Socket, line: string, commands: ControlCommands): Promise<void> {
    let answer: unknown;
    try {
      const { command } = JSON.parse(line) as { command?: unknown };
      const run =
        typeof command === 'string' && Object.hasOwn(commands, command) ? commands[command] : undefined;
      answer = run
        ? await run()
        : { error: `unknown command; known are ${Object.keys(commands).join(', ')}` };
    } catch (error) {
      answer = { error: describeError(error) };
    }
    if (socket.writable) socket.write(`${JSON.stringify(answer)}\n`);
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
