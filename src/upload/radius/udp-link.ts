import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { type Clock, describeError, type Log, WeirError } from '#base';
import type { Attribute } from './attributes.ts';
import { type AccountingRequest, encodeAccountingRequest, judgeResponse } from './packet.ts';
import type { RadiusLink } from './radius-link.ts';

/** How long each sending of a request is waited for; doubling, as RFC 5080 s.2.2.1 asks of clients. */
const waitsMs = [1000, 2000, 4000];
const identifiers = 256;

interface Waiting {
  readonly request: AccountingRequest;
  readonly settle: (error: WeirError | undefined) => void;
}

/** RADIUS by UDP (RFC 2866). One socket; the identifier tells the up to 256 requests under way apart. */
export class UdpLink implements RadiusLink {
  readonly server: string;
  readonly window = identifiers;
  readonly #secret: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #host: string;
  readonly #port: number;
  readonly #waiting = new Map<number, Waiting>();
  #socket: Promise<Socket> | undefined;
  #nextIdentifier = 0;
  #closed = false;

  constructor(options: {
    host: string;
    port: number;
    secret: string;
    clock: Clock;
    log: Log;
  }) {
    this.#host = options.host;
    this.#port = options.port;
    this.#secret = options.secret;
    this.#clock = options.clock;
    this.server = isIPv6(options.host)
      ? `[${options.host}]:${options.port}`
      : `${options.host}:${options.port}`;
    this.#log = options.log.with({ server: this.server });
  }

  async request(attributes: readonly Attribute[]): Promise<void> {
    const socket = await this.#open();
    if (this.#closed) throw this.#closedError();
    const identifier = this.#takeIdentifier();
    const request = encodeAccountingRequest(identifier, attributes, this.#secret);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const settle = (error: WeirError | undefined) => {
      this.#waiting.delete(identifier);
      if (error) reject(error);
      else resolve();
    };
    this.#waiting.set(identifier, { request, settle });
    this.#send(socket, request, settle, 0);
    return promise;
  }

  /** A request is sent again unchanged: what has changed would need an identifier of its own (RFC 2866 s.3). */
  #send(
    socket: Socket,
    request: AccountingRequest,
    settle: (error: WeirError | undefined) => void,
    attempt: number,
  ): void {
    const waitMs = waitsMs[attempt];
    if (waitMs === undefined) {
      settle(
        new WeirError('TIMED_OUT', 'the RADIUS server does not answer', {
          fields: { server: this.server, sent: waitsMs.length },
          advice:
            'see whether it runs, whether it knows this box as a client, and whether the secrets are the same',
        }),
      );
      return;
    }
    socket.send(request.bytes, (error) => {
      if (error) this.#log.debug('not sent', { error: describeError(error) });
    });
    this.#clock.after(waitMs, () => {
      if (this.#waiting.get(request.identifier)?.request === request) {
        this.#send(socket, request, settle, attempt + 1);
      }
    });
  }

  #takeIdentifier(): number {
    for (let tried = 0; tried < identifiers; tried += 1) {
      const identifier = this.#nextIdentifier;
      this.#nextIdentifier = (identifier + 1) % identifiers;
      if (!this.#waiting.has(identifier)) return identifier;
    }
    throw new WeirError('LIMIT_REACHED', 'all 256 identifiers are under way', {
      fields: { server: this.server },
    });
  }

  #open(): Promise<Socket> {
    if (this.#closed) throw this.#closedError();
    this.#socket ??= this.#connect().catch((error) => {
      this.#socket = undefined;
      throw new WeirError('UPLOAD_FAILED', 'the RADIUS server cannot be reached', {
        fields: { server: this.server },
        advice: 'see whether its name can be resolved and whether there is a route',
        cause: error,
      });
    });
    return this.#socket;
  }

  async #connect(): Promise<Socket> {
    const socket = createSocket(isIPv6(this.#host) ? 'udp6' : 'udp4');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once('error', reject);
    socket.connect(this.#port, this.#host, resolve);
    try {
      await promise;
    } catch (error) {
      socket.close();
      throw error;
    }
    socket.off('error', reject);
    // ICMP says that nobody listens there: what is under way will not be answered, another server may be asked at once.
    socket.on('error', (error) => this.#abandon(error));
    socket.on('message', (bytes) => this.#receive(bytes));
    socket.unref();
    return socket;
  }

  #closedError(): WeirError {
    return new WeirError('ALREADY_CLOSED', 'the link is closed', { fields: { server: this.server } });
  }

  #receive(bytes: Buffer): void {
    const waiting = this.#waiting.get(bytes[1] ?? -1);
    if (!waiting) return;
    const verdict = judgeResponse(bytes, waiting.request, this.#secret);
    if (verdict === 'answered') waiting.settle(undefined);
    else this.#log.warn('an answer is ignored', { why: verdict });
  }

  #abandon(error: Error): void {
    for (const { settle } of [...this.#waiting.values()]) {
      settle(
        new WeirError('UPLOAD_FAILED', 'the RADIUS server refuses', {
          fields: { server: this.server },
          cause: error,
        }),
      );
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#abandon(new Error('closed'));
    // Not waited for: its name may be looked up for long yet.
    this.#socket?.then((socket) => socket.close()).catch(() => {});
    this.#socket = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
