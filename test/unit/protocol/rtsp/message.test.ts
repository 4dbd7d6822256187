import assert from 'node:assert/strict';
import { type ErrorFields, isWeirError } from '#base';
import {
  cseq,
  Headers,
  isKnownMethod,
  parseMessage,
  rtspMethods,
  serializeRequest,
  serializeResponse,
  statusPhrases,
} from '../../../../src/protocol/rtsp/wire/index.ts';
import {
  badMessages,
  bytesOf,
  goodMessages,
  limits,
  plain,
  textOf,
  unfinishedMessages,
} from './message-cases.ts';

/** The facts of the refusal that `run` must end with. */
function refusalOf(run: () => unknown): ErrorFields {
  try {
    run();
  } catch (error) {
    assert(isWeirError(error, 'RTSP_BAD_MESSAGE'), String(error));
    return error.fields;
  }
  return assert.fail('was taken');
}

describe('RTSP messages', () => {
  for (const { name, text, value } of goodMessages) {
    it(`reads ${name}`, () => {
      assert.deepEqual(plain(parseMessage(bytesOf(text), limits)), value);
    });
  }

  for (const { name, text, offset, status, cseq } of [...badMessages, ...unfinishedMessages]) {
    it(`refuses ${name}`, () => {
      const facts = refusalOf(() => parseMessage(bytesOf(text), limits));
      assert.deepEqual(facts, { offset, status, ...(cseq === undefined ? {} : { cseq }) });
    });
  }

  it('refuses bytes behind the message', () => {
    const text = 'OPTIONS * RTSP/1.0\r\n\r\n';
    const facts = refusalOf(() => parseMessage(bytesOf(`\r\n${text}x`), limits));
    assert.deepEqual(facts, { offset: text.length, status: 400 });
  });

  it('takes a head and a body that fill their limits to the byte', () => {
    const head = (pad: number) =>
      `OPTIONS * RTSP/1.0\r\nContent-Length: 4096\r\nX: ${'x'.repeat(pad)}\r\n\r\n`;
    const pad = limits.maxHeaderBytes - head(0).length;
    const body = 'y'.repeat(limits.maxBodyBytes);
    assert.equal(parseMessage(bytesOf(head(pad) + body), limits).body.length, limits.maxBodyBytes);
    const facts = refusalOf(() => parseMessage(bytesOf(head(pad + 1) + body), limits));
    assert.equal(facts.status, 400);
  });

  it("gives a body of its own, not a view of the caller's buffer", () => {
    const bytes = Buffer.from('OPTIONS * RTSP/1.0\r\nContent-Length: 2\r\n\r\nhi', 'latin1');
    const { body } = parseMessage(bytes, limits);
    bytes.fill(0);
    assert.equal(textOf(body), 'hi');
  });

  it('tells the CSeq only when there is one (RFC 2326 s.12.17)', () => {
    const of = (...values: string[]) => cseq(Headers.of(values.map((value) => ['cseq', value] as const)));
    assert.equal(of('0'), 0);
    assert.equal(of('4294967295', '4294967295'), 4294967295);
    assert.equal(of(), undefined);
    assert.equal(of('4294967296'), undefined);
    assert.equal(of('1', '2'), undefined);
    assert.equal(of('-1'), undefined);
    assert.equal(of('one'), undefined);
  });

  it('reads more than 20,000 messages a second', function () {
    this.timeout(20_000);
    const bytes = bytesOf(goodMessages[13]?.text ?? '');
    const rounds = 20_000;
    const before = process.cpuUsage();
    for (let round = 0; round < rounds; round += 1) parseMessage(bytes, limits);
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 1_000_000, `${rounds} messages took ${user + system} us`);
  });
});

describe('writing RTSP messages', () => {
  for (const { name, value } of goodMessages) {
    it(`writes ${name} so that it is read back the same`, () => {
      const headers = Headers.of(value.headers);
      const body = bytesOf(value.body);
      const write = () =>
        value.kind === 'request'
          ? serializeRequest({ method: value.method, uri: value.uri, headers, body })
          : serializeResponse({ status: value.status, phrase: value.phrase, headers, body });
      const lengths = headers.all('Content-Length');
      const again = plain(parseMessage(write(), limits));
      if (lengths.length < 2) assert.deepEqual(again, value);
      else assert.deepEqual(again, { ...value, headers: [['Content-Length', String(body.length)]] });
    });
  }

  it('adds Content-Length for a body and none without', () => {
    const headers = Headers.of([['CSeq', '1']]);
    assert.equal(
      textOf(serializeResponse({ status: 200, headers, body: bytesOf('hi') })),
      'RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 2\r\n\r\nhi',
    );
    assert.equal(
      textOf(serializeRequest({ method: 'PLAY', uri: 'rtsp://h/', headers })),
      'PLAY rtsp://h/ RTSP/1.0\r\nCSeq: 1\r\n\r\n',
    );
  });

  it('corrects a Content-Length that does not fit the body', () => {
    const headers = Headers.of([
      ['Content-length', '99'],
      ['CSeq', '1'],
      ['Content-Length', '5'],
    ]);
    assert.equal(
      textOf(serializeResponse({ status: 200, headers })),
      'RTSP/1.0 200 OK\r\nContent-length: 0\r\nCSeq: 1\r\n\r\n',
    );
  });

  for (const bad of ['\r', '\n', '\0', '\x7f', '\x1b', '\u0100', 'a\r\nSession: 1']) {
    it(`refuses ${JSON.stringify(bad)} anywhere in a head (header injection)`, () => {
      const headers = Headers.none;
      const value = Headers.of([['X', `a${bad}b`]]);
      const name = Headers.of([[`X${bad}`, 'a']]);
      refusalOf(() => serializeRequest({ method: `PLAY${bad}`, uri: '*', headers }));
      refusalOf(() => serializeRequest({ method: 'PLAY', uri: `rtsp://h/${bad}`, headers }));
      refusalOf(() => serializeRequest({ method: 'PLAY', uri: '*', headers: value }));
      refusalOf(() => serializeRequest({ method: 'PLAY', uri: '*', headers: name }));
      refusalOf(() => serializeResponse({ status: 200, phrase: `OK${bad}`, headers }));
      refusalOf(() => serializeResponse({ status: 200, headers: value }));
    });
  }

  it('refuses an empty or blank URI, a method that reads as a frame, an empty name, a status out of range', () => {
    const headers = Headers.none;
    refusalOf(() => serializeRequest({ method: 'PLAY', uri: '', headers }));
    refusalOf(() => serializeRequest({ method: 'PLAY', uri: 'a b', headers }));
    refusalOf(() => serializeRequest({ method: '', uri: '*', headers }));
    refusalOf(() => serializeRequest({ method: '$PLAY', uri: '*', headers }));
    refusalOf(() => serializeResponse({ status: 200, headers: Headers.of([['', 'a']]) }));
    for (const status of [0, 99, 600, 200.5, Number.NaN])
      refusalOf(() => serializeResponse({ status, headers }));
  });

  it('has a phrase for every status of RFC 2326 s.7.1.1, and an empty one for others', () => {
    assert.equal(Object.keys(statusPhrases).length, 44);
    assert.match(
      textOf(serializeResponse({ status: 455, headers: Headers.none })),
      / 455 Method Not Valid in This State\r\n/,
    );
    assert.match(textOf(serializeResponse({ status: 299, headers: Headers.none })), /^RTSP\/1\.0 299 \r\n/);
  });
});

describe('RTSP headers', () => {
  const headers = Headers.of([
    ['CSeq', '1'],
    ['Require', ' a '],
    ['require', '\tb\xa0'],
  ]);

  it('are found in any case, in their order and spelling, without blanks at their ends', () => {
    assert.equal(headers.get('REQUIRE'), 'a');
    assert.deepEqual(headers.all('Require'), ['a', 'b\xa0']);
    assert.equal(headers.get('Session'), undefined);
    assert.deepEqual(headers.entries(), [
      ['CSeq', '1'],
      ['Require', 'a'],
      ['require', 'b\xa0'],
    ]);
  });

  it('are replaced in place, added at the end, and taken away, in new objects', () => {
    assert.deepEqual(headers.with('Require', ' c').with('Session', '1').entries(), [
      ['CSeq', '1'],
      ['Require', 'c'],
      ['Session', '1'],
    ]);
    assert.deepEqual(headers.without('REQUIRE', 'x').entries(), [['CSeq', '1']]);
    assert.equal(headers.entries().length, 3);
  });

  it('knows the methods of RFC 2326 s.10, which are case-sensitive', () => {
    assert.equal(rtspMethods.length, 11);
    assert.ok(rtspMethods.every(isKnownMethod));
    assert.equal(isKnownMethod('play'), false);
  });
});
