import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import {
  AttributeType,
  addressAttribute,
  octetAttributes,
  textAttribute,
  vendorText,
} from '../../../src/upload/radius/attributes.ts';
import {
  type AccountingRequest,
  encodeAccountingRequest,
  judgeResponse,
  packetLength,
} from '../../../src/upload/radius/packet.ts';

const secret = 'xyzzy5461';
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const framed = { v4: AttributeType.framedIpAddress, v6: AttributeType.framedIpv6Address };

/** An Accounting-Response as a server makes it (RFC 2866 s.3). */
function response(
  request: AccountingRequest,
  options: { secret?: string; attributes?: Buffer } = {},
): Buffer {
  const { secret: shared = secret, attributes = Buffer.alloc(0) } = options;
  const head = Buffer.from([5, request.identifier, 0, 20 + attributes.length]);
  const authenticator = createHash('md5')
    .update(Buffer.concat([head, request.authenticator, attributes]))
    .update(shared)
    .digest();
  return Buffer.concat([head, authenticator, attributes]);
}

describe('upload: RADIUS packets', () => {
  const request = encodeAccountingRequest(7, [textAttribute(AttributeType.userName, 'nemo')], secret);

  it('have a Request Authenticator over themselves and the secret (RFC 2866 s.3)', () => {
    const blank = Buffer.from(request.bytes);
    blank.fill(0, 4, 20);
    assert.equal(
      hex(request.bytes.subarray(4, 20)),
      createHash('md5').update(blank).update(secret).digest('hex'),
    );
    assert.equal(request.bytes.readUInt16BE(2), request.bytes.length);
    assert.deepEqual([...request.bytes.subarray(0, 2)], [4, 7]);
  });

  it('have a Message-Authenticator first, over themselves with zeros in both places (RFC 2869 s.5.14)', () => {
    const blank = Buffer.from(request.bytes);
    assert.deepEqual([...blank.subarray(20, 22)], [80, 18]);
    const given = hex(blank.subarray(22, 38));
    blank.fill(0, 4, 20).fill(0, 22, 38);
    assert.equal(given, createHmac('md5', secret).update(blank).digest('hex'));
  });

  it('take the right answer, with a Message-Authenticator or without', () => {
    assert.equal(judgeResponse(response(request), request, secret), 'answered');
    const unsigned = Buffer.concat([Buffer.from([80, 18]), Buffer.alloc(16)]);
    const signed = Buffer.concat([Buffer.from([5, 7, 0, 38]), request.authenticator, unsigned]);
    const hmac = createHmac('md5', secret).update(signed).digest();
    const attributes = Buffer.concat([Buffer.from([80, 18]), hmac]);
    assert.equal(judgeResponse(response(request, { attributes }), request, secret), 'answered');
    const forged = Buffer.concat([Buffer.from([80, 18]), Buffer.alloc(16, 1)]);
    assert.equal(judgeResponse(response(request, { attributes: forged }), request, secret), 'wrong secret');
  });

  it('take no answer of another secret, identifier, code, or length', () => {
    assert.equal(judgeResponse(response(request, { secret: 'other' }), request, secret), 'wrong secret');
    const right = response(request);
    const with_ = (at: number, value: number) => Buffer.from(right).fill(value, at, at + 1);
    for (const wrong of [
      with_(0, 2),
      with_(1, 8),
      with_(3, 19),
      with_(3, 21),
      right.subarray(0, 19),
      Buffer.alloc(0),
    ]) {
      assert.equal(judgeResponse(wrong, request, secret), 'not an answer', hex(wrong));
    }
    assert.equal(judgeResponse(with_(10, (right[10] ?? 0) ^ 1), request, secret), 'wrong secret');
  });

  it('take no answer whose attributes run over its end', () => {
    for (const attributes of [Buffer.from([1]), Buffer.from([1, 0]), Buffer.from([1, 9, 0])]) {
      assert.equal(judgeResponse(response(request, { attributes }), request, secret), 'not an answer');
    }
  });

  it('are never longer than 4096 bytes (RFC 2866 s.3)', () => {
    const long = Array.from({ length: 17 }, () => textAttribute(1, 'x'.repeat(253)));
    assert.throws(() => encodeAccountingRequest(1, long, secret), { code: 'UPLOAD_UNFIT' });
  });

  it('are cut from a stream by their length, and anything else is no RADIUS (RFC 6613 s.2.6.4)', () => {
    assert.equal(packetLength(Buffer.from([5, 1, 0])), undefined);
    assert.equal(packetLength(Buffer.from([5, 1, 0, 20])), 20);
    assert.equal(packetLength(Buffer.from([5, 1, 0, 19])), 0);
    assert.equal(packetLength(Buffer.from('HTTP/1.1')), 0);
  });
});

describe('upload: RADIUS attributes', () => {
  it('say octets in 32 bits and gigawords (RFC 2869 s.5.1)', () => {
    const values = (count: bigint) =>
      octetAttributes(43, 53, count).map(({ type, value }) => [type, hex(value)]);
    assert.deepEqual(values(0n), [[43, '00000000']]);
    assert.deepEqual(values(2n ** 32n - 1n), [[43, 'ffffffff']]);
    assert.deepEqual(values(2n ** 32n), [
      [43, '00000000'],
      [53, '00000001'],
    ]);
    assert.deepEqual(values(2n ** 63n + 5n), [
      [43, '00000005'],
      [53, '80000000'],
    ]);
  });

  for (const [address, bytes] of [
    ['192.0.2.255', 'c00002ff'],
    ['::', '0'.repeat(32)],
    ['::1', `${'0'.repeat(31)}1`],
    ['2001:db8::', `20010db8${'0'.repeat(24)}`],
    ['2001:db8:1:2:3:4:5:6', '20010db8000100020003000400050006'],
    ['2001:db8::ffff:0:6', '20010db8000000000000ffff00000006'],
    ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201'],
  ] as const) {
    it(`say ${address} in the bytes of its family`, () => {
      assert.equal(hex(addressAttribute(framed, address).value), bytes);
    });
  }

  it('do not say what is no address', () => {
    assert.throws(() => addressAttribute(framed, 'example.org'), { code: 'UPLOAD_FAILED' });
  });

  it('break no character, however long the text', () => {
    const { value } = textAttribute(1, `${'x'.repeat(252)}€`);
    assert.equal(Buffer.from(value).toString(), 'x'.repeat(252));
  });

  it('say long text of a vendor in pieces that come to the whole (RFC 2865 s.5.26)', () => {
    const text = `${'ü'.repeat(300)}€`;
    const pieces = vendorText(32_473, 1, text);
    assert.equal(pieces.map(({ value }) => Buffer.from(value.subarray(6)).toString()).join(''), text);
    for (const { type, value } of pieces) {
      assert.equal(type, 26);
      assert.equal(hex(value.subarray(0, 5)), '00007ed901');
      assert.equal(value[5], value.length - 4);
      assert.ok(value.length <= 253);
    }
    assert.equal(vendorText(32_473, 1, '').length, 1);
  });
});
