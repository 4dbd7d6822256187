import { connect, type TLSSocket } from 'node:tls';
import { type Clock, describeError, type Log, WeirError } from '#base';
import type { Attribute } from './attributes.ts';
import { type AccountingRequest, encodeAccountingRequest, judgeResponse, packetLength } from './packet.ts';
import type { RadiusLink } from './radius-link.ts';

/** By TLS every shared secret is this one (RFC 6614 s.2.3 (4)). */
const secret = 'radsec';
/** The connection is reliable: nothing is sent again on it, a server that stays silent has failed (RFC 6614 s.2.2). */
const answerMs = 5000;

/** The keys and names of a TLS client. PEM texts. */
export interface TlsIdentity {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** The name that the server's certificate must have; as a rule that of the host. */
  readonly serverName?: string;
}

interface Waiting {
  readonly request: AccountingRequest;
  readonly settle: (error: WeirError | undefined) => void;
}

/**
 * RADIUS over TLS (RFC 6614). One request is under way at a time: FreeRADIUS 3.2 stops answering when several come in one
 * piece. Under TLS 1.3 a server that does not want our certificate says so only after the handshake, so an answer alone
 * shows that the link works.
 */
export class RadsecLink implements RadiusLink {
  readonly server: string;
  readonly window = 1;
  readonly #host: string;
  readonly #port: number;
  readonly #tls: TlsIdentity;
  readonly #clock: Clock;
  readonly #log: Log;
  #connection: Promise<TLSSocket> | undefined;
  #opening: TLSSocket | undefined;
  #live: TLSSocket | undefined;
  #turn: Promise<void> = Promise.resolve();
  #waiting: Waiting | undefined;
  #unread = Buffer.alloc(0);
  #identifier = 0;
  #closed = false;

  constructor(options: { host: string; port: number; tls: TlsIdentity; clock: Clock; log: Log }) {
    this.#host = options.host;
    this.#port = options.port;
    this.#tls = options.tls;
    this.#clock = options.clock;
    this.server = `${options.host}:${options.port}`;
    this.#log = options.log.with({ server: this.server });
  }

  request(attributes: readonly Attribute[]): Promise<void> {
    const answered = this.#turn.then(() => this.#exchange(attributes));
    this.#turn = answered.catch(() => {});
    return answered;
  }

  async #exchange(attributes: readonly Attribute[]): Promise<void> {
    const connection = await this.#open();
    this.#identifier = (this.#identifier + 1) % 256;
    const request = encodeAccountingRequest(this.#identifier, attributes, secret);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const silence = this.#clock.after(answerMs, () =>
      this.#drop(connection, 'the RADIUS server does not answer', 'TIMED_OUT'),
    );
    this.#waiting = {
      request,
      settle: (error) => {
        silence[Symbol.dispose]();
        this.#waiting = undefined;
        if (error) reject(error);
        else resolve();
      },
    };
    connection.write(request.bytes);
    return promise;
  }

  #open(): Promise<TLSSocket> {
    if (this.#closed)
      throw new WeirError('ALREADY_CLOSED', 'the link is closed', { fields: { server: this.server } });
    this.#connection ??= this.#connect().catch((error) => {
      this.#connection = undefined;
      throw new WeirError('UPLOAD_FAILED', 'no TLS connection to the RADIUS server', {
        fields: { server: this.server, reason: describeError(error) },
        advice: 'see whether it runs, and whether each side trusts the certificate of the other',
        cause: error,
      });
    });
    return this.#connection;
  }

  async #connect(): Promise<TLSSocket> {
    const { ca, cert, key, serverName } = this.#tls;
    const connection = connect({
      host: this.#host,
      port: this.#port,
      ca,
      cert,
      key,
      ...(serverName === undefined ? {} : { servername: serverName }),
      minVersion: 'TLSv1.2',
    });
    this.#opening = connection;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    connection.once('secureConnect', resolve);
    connection.once('error', reject);
    const late = this.#clock.after(answerMs, () =>
      connection.destroy(new Error(`no TLS handshake within ${answerMs / 1000} s`)),
    );
    try {
      await promise;
    } finally {
      late[Symbol.dispose]();
      this.#opening = undefined;
    }
    connection.off('error', reject);
    this.#live = connection;
    this.#unread = Buffer.alloc(0);
    connection.on('data', (bytes: Buffer) => this.#receive(connection, bytes));
    connection.on('error', (error) => this.#drop(connection, describeError(error)));
    connection.on('close', () => this.#drop(connection, 'the RADIUS server closed the connection'));
    return connection;
  }

  #receive(connection: TLSSocket, bytes: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, bytes]);
    for (;;) {
      const length = packetLength(this.#unread);
      if (length === 0) {
        this.#drop(connection, 'what came is no RADIUS');
        return;
      }
      if (length === undefined || this.#unread.length < length) return;
      const packet = this.#unread.subarray(0, length);
      this.#unread = this.#unread.subarray(length);
      const waiting = this.#waiting;
      if (!waiting) continue;
      const verdict = judgeResponse(packet, waiting.request, secret);
      if (verdict === 'answered') waiting.settle(undefined);
      else this.#log.warn('an answer is ignored', { why: verdict });
    }
  }

  /** The connection is over, and with it the request under way; the next request opens another one. */
  #drop(connection: TLSSocket, why: string, code: 'TIMED_OUT' | 'UPLOAD_FAILED' = 'UPLOAD_FAILED'): void {
    if (this.#live !== connection) return;
    this.#live = undefined;
    this.#connection = undefined;
    connection.destroy();
    this.#waiting?.settle(
      new WeirError(code, why, {
        fields: { server: this.server },
        advice:
          'see whether it runs, whether it knows this box as a client, and whether it accepts its certificate',
      }),
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#opening?.destroy(new Error('the link is closed'));
    const connection = await this.#connection?.catch(() => undefined);
    if (connection) this.#drop(connection, 'the link is closed');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
