/**
 * A host of its own beside the box: a process in a network namespace of its own that does what it is told over IPC.
 * Started by `network-world.ts`; the namespace ends with the process.
 */
import { execFileSync } from 'node:child_process';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface, type Interface } from 'node:readline';

interface Line {
  readonly socket: Socket;
  readonly lines: AsyncIterableIterator<string>;
  readonly reader: Interface;
}

const servers: Server[] = [];
const lines = new Map<number, Line>();
const udpSockets = new Map<number, UdpSocket>();
let nextId = 1;

/** What a peer can be asked to do. Each returns JSON. */
const calls = {
  ip: (args: string): void => {
    execFileSync('ip', args.split(' '), { stdio: ['ignore', 'ignore', 'pipe'] });
  },

  sysctl: (name: string, value: string): void => writeFileSync(`/proc/sys/${name}`, value),

  /** A TCP server: says who it is and whom it sees, then repeats what it hears. */
  serve: async (address: string, port: number, name: string): Promise<void> => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.write(`${name} ${socket.remoteAddress}\n`);
      socket.pipe(socket);
    });
    server.listen(port, address);
    await once(server, 'listening');
    servers.push(server);
  },

  /** Connects, and keeps the connection: its number and the first line. An error or silence is returned as such. */
  dial: async (
    address: string,
    port: number,
    timeoutMs: number,
    localPort = 0,
  ): Promise<{ id: number; greeting: string } | { error: string }> => {
    const socket = connect({ host: address, port, localPort });
    socket.on('error', () => {});
    const reader = createInterface({ input: socket });
    reader.on('error', () => {});
    const held: Line = { socket, reader, lines: reader[Symbol.asyncIterator]() };
    const outcome = await Promise.race([
      held.lines.next().then(
        ({ value }) => value as string | undefined,
        (error: NodeJS.ErrnoException) => ({ error: String(error.code) }),
      ),
      new Promise<{ error: string }>((resolve) => {
        setTimeout(() => resolve({ error: 'ETIMEDOUT' }), timeoutMs).unref();
      }),
    ]);
    if (typeof outcome === 'string') {
      const id = nextId++;
      lines.set(id, held);
      return { id, greeting: outcome };
    }
    socket.destroy();
    return outcome ?? { error: 'ECONNRESET' };
  },

  /** Says a line on a connection, and returns the line that comes back. */
  say: async (id: number, text: string): Promise<string> => {
    const held = lines.get(id);
    held?.socket.write(`${text}\n`);
    return (await held?.lines.next())?.value ?? '';
  },

  hangUp: (id: number): void => {
    lines.get(id)?.socket.destroy();
    lines.delete(id);
  },

  /** TCP segments this host has had to send again (RFC 4022, tcpRetransSegs). */
  retransmissions: (): number => {
    const [names, values] = readFileSync('/proc/net/snmp', 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('Tcp:'))
      .map((line) => line.split(' '));
    return Number(values?.[names?.indexOf('RetransSegs') ?? -1]);
  },

  /** A UDP socket; returns its number. */
  udp: async (address: string, port: number): Promise<number> => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.bind(port, address);
    await once(socket, 'listening');
    const id = nextId++;
    udpSockets.set(id, socket);
    return id;
  },

  /** `text` is latin1: a character is a byte. */
  udpSend: async (id: number, address: string, port: number, text: string): Promise<void> => {
    await new Promise<void>((resolve, reject) => {
      udpSockets
        .get(id)
        ?.send(Buffer.from(text, 'latin1'), port, address, (error) => (error ? reject(error) : resolve()));
    });
  },

  /** The last line of a connection is over when the far end has closed it. */
  farEnd: async (id: number): Promise<void> => {
    const held = lines.get(id);
    while (held && !(await held.lines.next()).done);
  },

  udpClose: (id: number): void => {
    udpSockets.get(id)?.close();
    udpSockets.delete(id);
  },
};

export type PeerCalls = typeof calls;

if (process.send) {
  process.on('message', async (request: { id: number; call: keyof PeerCalls; args: unknown[] }) => {
    const call = calls[request.call] as (...args: unknown[]) => unknown;
    try {
      process.send?.({ id: request.id, result: await call(...request.args) });
    } catch (error) {
      process.send?.({ id: request.id, error: error instanceof Error ? error.message : String(error) });
    }
  });
  process.on('disconnect', () => process.exit(0));
  process.send({ id: 0 });
}
