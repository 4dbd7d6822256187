import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type Clock, WeirError } from '#base';
import type { Endpoint } from '#hal';
import type { TestParts } from './operations/index.ts';
import type { Relay } from './relay.ts';

const connectMs = 5000;

/** What the test of a feed needs of the running box. */
export const feedTestParts = (
  { monitor, serverPorts }: Pick<Relay, 'monitor' | 'serverPorts'>,
  clock: Clock,
): TestParts => ({
  monitor,
  serverPorts,
  clock,
  resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  connect: connectOnce,
  countersOf: ({ feed }) =>
    monitor
      .feeds()
      .find((entry) => entry === feed)
      ?.feed?.counters(),
});

/** For whoever reads it on the console: what that says of the network. */
const meanings: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the host is there, and nothing listens on this port',
  EHOSTUNREACH: 'nobody answers at this address',
  ENETUNREACH: 'no route leads there: see `show route`',
  ECONNRESET: 'the connection was broken off at once',
};

const meaningOf = (code = ''): string => (meanings[code] === undefined ? '' : ` (${meanings[code]})`);

/** @throws {WeirError} ORIGIN_UNREACHABLE */
async function connectOnce({ address, port }: Endpoint): Promise<void> {
  const socket = connect({ host: address, port, signal: AbortSignal.timeout(connectMs) });
  try {
    await once(socket, 'connect');
  } catch (cause) {
    const { code, name } = cause as NodeJS.ErrnoException;
    const text = name === 'AbortError' ? `no answer within ${connectMs} ms` : `${code}${meaningOf(code)}`;
    throw new WeirError('ORIGIN_UNREACHABLE', `cannot connect to ${address} port ${port}: ${text}`, {
      cause,
    });
  } finally {
    socket.destroy();
  }
}
