import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import { MessageReader, parseMessage } from '../../../../src/protocol/rtsp/wire/index.ts';
import { random } from '../../../fuzz/random.ts';
import {
  badMessages,
  bytesOf,
  goodMessages,
  limits,
  plain,
  textOf,
  unfinishedMessages,
} from './message-cases.ts';

type Read = ReturnType<typeof plain> | { kind: 'frame'; channel: number; payload: string };

/** Everything a reader gives for these chunks, as plain data; the error's fields last when it throws. */
function readAll(chunks: readonly Uint8Array[], reader = new MessageReader(limits)): unknown[] {
  const found: unknown[] = [];
  try {
    for (const chunk of chunks) {
      reader.push(chunk);
      for (let item = reader.next(); item !== undefined; item = reader.next()) {
        found.push(item.kind === 'frame' ? { ...item, payload: textOf(item.payload) } : plain(item));
      }
    }
  } catch (error) {
    assert(isWeirError(error, 'RTSP_BAD_MESSAGE'), String(error));
    found.push(error.fields);
  }
  return found;
}

/** `bytes` in pieces of 1 to `longest` bytes. */
function* pieces(bytes: Uint8Array, longest: number, next: (below: number) => number): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; ) {
    const end = start + 1 + next(longest);
    yield bytes.subarray(start, end);
    start = end;
  }
}

const frame = (channel: number, payload: string): string =>
  `$${String.fromCharCode(channel, payload.length >> 8, payload.length & 0xff)}${payload}`;

describe('the reader of an RTSP stream', () => {
  const parts: readonly { text: string; value: Read }[] = [
    ...goodMessages.flatMap((message, at) => {
      const payload = 'RTSP/1.0 200 OK\r\n\r\n$'.repeat(at * 7);
      return [message, { text: frame(at, payload), value: { kind: 'frame' as const, channel: at, payload } }];
    }),
    {
      text: frame(255, 'x'.repeat(65_535)),
      value: { kind: 'frame', channel: 255, payload: 'x'.repeat(65_535) },
    },
  ];
  const stream = bytesOf(parts.map(({ text }) => text).join(''));
  const values = parts.map(({ value }) => value);

  it('parts messages and "$" frames that come in one piece (RFC 2326 s.10.12)', () => {
    assert.deepEqual(readAll([stream]), values);
  });

  it('gives the same when every byte comes alone', () => {
    assert.deepEqual(readAll(Array.from(stream, (byte) => Uint8Array.of(byte))), values);
  });

  it('gives the same for any other cut, 200 of them', function () {
    this.timeout(20_000);
    const next = random(20_261_001);
    for (let round = 0; round < 200; round += 1) {
      const longest = 1 + next(3000);
      assert.deepEqual(readAll([...pieces(stream, longest, next)]), values, `round ${round}`);
    }
  });

  for (const { name, text } of badMessages.filter(({ text }) => !text.startsWith('$'))) {
    it(`refuses ${name} for every cut as it does whole`, () => {
      const whole = readAll([bytesOf(text)]);
      assert.equal(whole.length, 1);
      assert.throws(() => parseMessage(bytesOf(text), limits), {
        code: 'RTSP_BAD_MESSAGE',
        fields: whole[0],
      });
      const next = random(7);
      const good = goodMessages[0];
      assert(good);
      for (const longest of [1, 2, 5, 50, 700]) {
        assert.deepEqual(readAll([...pieces(bytesOf(good.text + text), longest, next)]), [
          good.value,
          ...whole,
        ]);
      }
    });
  }

  for (const { name, text } of unfinishedMessages) {
    it(`waits for more after ${name}`, () => {
      const reader = new MessageReader(limits);
      assert.deepEqual(readAll([bytesOf(text)], reader), []);
    });
  }

  it('throws once, gives nothing more, and still gives the bytes away from the bad message on', () => {
    const reader = new MessageReader(limits);
    reader.push(bytesOf('OPTIONS * RTSP/1.0\r\n\r\nHTTP/1.0 400 No\r\n\r\n'));
    assert.equal(reader.next()?.kind, 'request');
    assert.throws(() => reader.next(), { code: 'RTSP_BAD_MESSAGE' });
    assert.equal(reader.next(), undefined);
    reader.push(bytesOf('OPTIONS * RTSP/1.0\r\n\r\n'));
    assert.equal(reader.next(), undefined);
    assert.equal(textOf(reader.takeRest()), 'HTTP/1.0 400 No\r\n\r\n');
    assert.equal(reader.takeRest().length, 0);
  });

  it('gives away what it holds and begins anew', () => {
    const reader = new MessageReader(limits);
    const head = 'PLAY rtsp://h/ RTSP/1.0\r\nContent-Length: 9\r\n\r\n';
    reader.push(bytesOf(`${head}half`));
    assert.equal(reader.next(), undefined);
    assert.equal(textOf(reader.takeRest()), `${head}half`);
    assert.deepEqual(readAll([bytesOf('OPTIONS * RTSP/1.0\r\n\r\n')], reader).length, 1);
  });

  it('does not keep the chunk it was given', () => {
    const reader = new MessageReader(limits);
    const chunk = bytesOf('OPTIONS * RTSP/1.0\r\n');
    reader.push(chunk);
    chunk.fill(0);
    reader.push(bytesOf('\r\n'));
    assert.equal(reader.next()?.kind, 'request');
  });

  it('takes a long head and a long body byte by byte in linear time', function () {
    this.timeout(60_000);
    const cpuUs = (halfBytes: number): number => {
      const reader = new MessageReader({ maxHeaderBytes: 2 * halfBytes, maxBodyBytes: halfBytes });
      const head = `SET_PARAMETER * RTSP/1.0\r\n${'a:\r\n'.repeat(halfBytes / 4)}`;
      const message = bytesOf(`${head}Content-Length: ${halfBytes}\r\n\r\n${'b'.repeat(halfBytes)}`);
      const before = process.cpuUsage();
      let found = 0;
      for (let at = 0; at < message.length; at += 1) {
        reader.push(message.subarray(at, at + 1));
        if (reader.next()) found += 1;
      }
      const { user, system } = process.cpuUsage(before);
      assert.equal(found, 1);
      return user + system;
    };
    cpuUs(2 ** 16);
    const small = cpuUs(2 ** 17);
    const large = cpuUs(2 ** 20);
    assert.ok(large < small * 8 * 4, `256 KiB: ${small} us, 2 MiB: ${large} us`);
  });
});
