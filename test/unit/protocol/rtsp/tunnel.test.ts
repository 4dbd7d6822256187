import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import { Base64Stream, beginsTunnel, TunnelRequestReader } from '../../../../src/protocol/rtsp/wire/index.ts';
import { bytesOf, limits, textOf } from './message-cases.ts';
import { badBase64, badTunnelHeads, goodBase64, goodTunnelHeads } from './tunnel-cases.ts';

const short = (text: string): string => JSON.stringify(text.length > 70 ? `${text.slice(0, 70)}...` : text);

describe('the head of a tunnel through HTTP', () => {
  for (const { text, method, cookie, rest = '' } of goodTunnelHeads) {
    it(`is read, whole or byte by byte: ${short(text)}`, () => {
      const found = new TunnelRequestReader(limits).push(bytesOf(text));
      assert.deepEqual(found?.request, { method, cookie });
      assert.equal(textOf(found?.rest ?? bytesOf('none')), rest);
      assert.ok(beginsTunnel(bytesOf(text)));
      const slow = new TunnelRequestReader(limits);
      const bytes = bytesOf(text.slice(0, text.length - rest.length));
      for (const [at, byte] of bytes.entries()) {
        const last = at === bytes.length - 1;
        assert.equal(slow.push(Uint8Array.of(byte)) !== undefined, last, `byte ${at}`);
      }
    });
  }
  for (const { text, status } of badTunnelHeads) {
    it(`is refused with ${status}: ${short(text)}`, () => {
      const read = () => new TunnelRequestReader(limits).push(bytesOf(text));
      assert.throws(
        read,
        (error) => isWeirError(error, 'RTSP_BAD_MESSAGE') && error.fields.status === status,
      );
    });
  }
  it('is none where RTSP itself is spoken', () => {
    assert.equal(beginsTunnel(bytesOf('GET rtsp://h/HTTP/1.0 RTSP/1.0\r\n')), false);
    assert.equal(beginsTunnel(bytesOf('GET / HTTP/1.0 RTSP/1.0\r\nx-sessioncookie: a\r\n')), false);
    assert.equal(beginsTunnel(bytesOf('OPTIONS * RTSP/1.0\r\n')), false);
  });
});

describe('base64 that never ends (RFC 4648 s.4)', () => {
  for (const { text, decoded } of goodBase64) {
    it(`decodes ${JSON.stringify(text)} to ${JSON.stringify(decoded)}, in any pieces`, () => {
      assert.equal(textOf(new Base64Stream().push(bytesOf(text))), decoded);
      const stream = new Base64Stream();
      assert.equal(
        [...bytesOf(text)].map((byte) => textOf(stream.push(Uint8Array.of(byte)))).join(''),
        decoded,
      );
    });
  }
  for (const text of badBase64) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => new Base64Stream().push(bytesOf(text)), { code: 'RTSP_BAD_MESSAGE' });
    });
  }
});
