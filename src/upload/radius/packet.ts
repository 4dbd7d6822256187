import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { WeirError } from '#base';
import { type Attribute, AttributeType } from './attributes.ts';

/** RFC 2866 s.3: the codes of accounting. */
export const Code = { accountingRequest: 4, accountingResponse: 5 } as const;

const headerBytes = 20;
const authenticatorOffset = 4;
const authenticatorBytes = 16;
/** RFC 2866 s.3. */
export const maxPacketBytes = 4096;

/** A request, and what proves that an answer is the answer to it. */
export interface AccountingRequest {
  readonly identifier: number;
  readonly bytes: Buffer;
  readonly authenticator: Buffer;
}

/**
 * An Accounting-Request (RFC 2866 s.4.1) with a Message-Authenticator, first of its attributes so that a server may check
 * it before it reads on. The HMAC is over the packet with a Request Authenticator of zeros (RFC 2869 s.5.14, RFC 5080
 * s.2.2.2 for accounting), the Request Authenticator over the packet with the HMAC in it.
 */
export function encodeAccountingRequest(
  identifier: number,
  attributes: readonly Attribute[],
  secret: string,
): AccountingRequest {
  const signature = { type: AttributeType.messageAuthenticator, value: Buffer.alloc(authenticatorBytes) };
  const parts = [signature, ...attributes].map(({ type, value }) =>
    Buffer.concat([Buffer.from([type, value.length + 2]), value]),
  );
  const bytes = Buffer.concat([Buffer.alloc(headerBytes), ...parts]);
  if (bytes.length > maxPacketBytes) {
    throw new WeirError('UPLOAD_UNFIT', 'an accounting request of more than 4096 bytes', {
      fields: { bytes: bytes.length },
    });
  }
  bytes.writeUInt8(Code.accountingRequest, 0);
  bytes.writeUInt8(identifier, 1);
  bytes.writeUInt16BE(bytes.length, 2);
  const hmac = createHmac('md5', secret).update(bytes).digest();
  hmac.copy(bytes, headerBytes + 2);
  const authenticator = createHash('md5').update(bytes).update(secret).digest();
  authenticator.copy(bytes, authenticatorOffset);
  return { identifier, bytes, authenticator };
}

/** What an answer is, or why it is none: it is then ignored, as if it had never come (RFC 2866 s.3). */
export type Verdict = 'answered' | 'not an answer' | 'wrong secret';

/** Judges `bytes` as the Accounting-Response to `request` (RFC 2866 s.3, Response Authenticator). */
export function judgeResponse(bytes: Buffer, request: AccountingRequest, secret: string): Verdict {
  if (bytes.length < headerBytes) return 'not an answer';
  const length = bytes.readUInt16BE(2);
  if (length < headerBytes || length > bytes.length) return 'not an answer';
  if (bytes[0] !== Code.accountingResponse || bytes[1] !== request.identifier) return 'not an answer';
  const packet = Buffer.from(bytes.subarray(0, length));
  const given = Buffer.from(packet.subarray(authenticatorOffset, headerBytes));
  request.authenticator.copy(packet, authenticatorOffset);
  const expected = createHash('md5').update(packet).update(secret).digest();
  if (!timingSafeEqual(given, expected)) return 'wrong secret';
  return messageAuthenticatorHolds(packet, secret);
}

/** `packet` carries the Request Authenticator, as the HMAC of an answer wants it (RFC 2869 s.5.14). */
function messageAuthenticatorHolds(packet: Buffer, secret: string): Verdict {
  for (let at = headerBytes; at < packet.length; ) {
    const type = packet[at];
    const length = packet[at + 1] ?? 0;
    if (length < 2 || at + length > packet.length) return 'not an answer';
    if (type === AttributeType.messageAuthenticator) {
      if (length !== authenticatorBytes + 2) return 'not an answer';
      const given = Buffer.from(packet.subarray(at + 2, at + length));
      packet.fill(0, at + 2, at + length);
      const expected = createHmac('md5', secret).update(packet).digest();
      return timingSafeEqual(given, expected) ? 'answered' : 'wrong secret';
    }
    at += length;
  }
  return 'answered';
}

/** How many bytes the packet that begins `bytes` has; undefined: not known yet; 0: this is no RADIUS (RFC 6613 s.2.6.4). */
export function packetLength(bytes: Buffer): number | undefined {
  if (bytes.length < 4) return undefined;
  const length = bytes.readUInt16BE(2);
  return length < headerBytes || length > maxPacketBytes ? 0 : length;
}
