import { createHash } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const statusType = 40;

/** Answers requests of some kinds, and keeps what kinds it was asked. */
export class RadiusResponder implements AsyncDisposable {
  readonly secret = 'a secret';
  /** Acct-Status-Type of each request, RFC 2866 s.5.1. */
  readonly statuses: number[] = [];
  readonly #socket: Socket;
  #asked = () => {};

  /** Answers `answered` alone; everything when not given. */
  static async start(answered?: readonly number[]): Promise<RadiusResponder> {
    const responder = new RadiusResponder(answered);
    responder.#socket.bind(0, '127.0.0.1');
    await once(responder.#socket, 'listening');
    return responder;
  }

  private constructor(answered: readonly number[] | undefined) {
    this.#socket = createSocket('udp4');
    this.#socket.on('message', (packet, { port, address }) => {
      const status = statusOf(packet);
      this.statuses.push(status);
      if (answered?.includes(status) ?? true) this.#socket.send(this.#responseTo(packet), port, address);
      this.#asked();
    });
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Resolves when it was asked so often in all. */
  asked(times: number): Promise<void> {
    return new Promise((resolve) => {
      this.#asked = () => {
        if (this.statuses.length >= times) resolve();
      };
      this.#asked();
    });
  }

  /** An Accounting-Response without attributes (RFC 2866 s.4.2). */
  #responseTo(request: Buffer): Buffer {
    const head = Buffer.from([5, request[1] ?? 0, 0, 20]);
    const authenticator = createHash('md5')
      .update(head)
      .update(request.subarray(4, 20))
      .update(this.secret)
      .digest();
    return Buffer.concat([head, authenticator]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }
}

function statusOf(packet: Buffer): number {
  for (let at = 20; at < packet.length; at += packet[at + 1] || packet.length) {
    if (packet[at] === statusType) return packet.readUInt32BE(at + 2);
  }
  return 0;
}
