import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import {
  authorize,
  type Challenge,
  Headers,
  parseAuthorization,
  parseChallenges,
  serializeRequest,
  strongestChallenge,
  verifyDigest,
} from '../../../../src/protocol/rtsp/wire/index.ts';
import { badAuthorizations, challengeCases, goodAuthorizations, knownAnswers } from './auth-cases.ts';

function only(values: readonly string[]): Challenge {
  const [challenge, ...others] = parseChallenges(values);
  assert(challenge && others.length === 0);
  return challenge;
}

describe('authentication (RFC 2617, RFC 7616)', () => {
  for (const { name, values, challenges } of challengeCases) {
    it(`reads the challenge: ${name}`, () => assert.deepEqual(parseChallenges(values), challenges));
  }
  for (const { name, text, value } of goodAuthorizations) {
    it(`reads the proof: ${name}`, () => assert.deepEqual(parseAuthorization(text), value));
  }
  for (const { name, text } of badAuthorizations) {
    it(`refuses the proof: ${name}`, () => {
      assert.throws(
        () => parseAuthorization(text),
        (error) => isWeirError(error, 'RTSP_BAD_MESSAGE') && error.fields.status === 400,
      );
    });
  }

  for (const known of knownAnswers) {
    it(`signs as in ${known.name}, and knows its own signature`, () => {
      const challenge = only([known.challenge]);
      const proof = parseAuthorization(authorize(challenge, known));
      assert.equal(proof.response, known.response);
      assert.equal(proof.realm, challenge.realm);
      assert.equal(proof.opaque, challenge.opaque);
      const { method, username, password } = known;
      const nonce = challenge.nonce ?? '';
      const expected = { method, username, password, nonce };
      assert.equal(verifyDigest(proof, expected), true);
      assert.equal(verifyDigest({ ...proof, response: known.response.toUpperCase() }, expected), true);
      for (const wrong of [{ method: 'PLAY' }, { username: 'mufasa' }, { password: 'x' }, { nonce: 'old' }]) {
        assert.equal(verifyDigest(proof, { ...expected, ...wrong }), false);
      }
      for (const wrong of [
        { uri: '/' },
        { realm: '' },
        { response: '' },
        { qop: 'auth-int' },
        { algorithm: 'MD4' },
      ]) {
        assert.equal(verifyDigest({ ...proof, ...wrong }, expected), false);
      }
    });
  }

  it('counts the uses of a nonce, and takes a new cnonce each time', () => {
    const challenge = only(['Digest realm="r", nonce="n", qop="auth"']);
    const facts = { username: 'u', password: 'p', method: 'PLAY', uri: 'rtsp://h/' };
    const first = parseAuthorization(authorize(challenge, facts));
    const later = parseAuthorization(authorize(challenge, { ...facts, nonceCount: 0x1ff }));
    assert.deepEqual([first.nc, later.nc], ['00000001', '000001ff']);
    assert.notEqual(first.cnonce, later.cnonce);
    assert.equal(verifyDigest(later, { ...facts, nonce: 'n' }), true);
  });

  it('signs the -sess variant over its own nonces (RFC 7616 s.3.4.2)', () => {
    const facts = { username: 'u', password: 'p', method: 'PLAY', uri: 'rtsp://h/' };
    const session = only(['Digest realm="r", nonce="n", qop="auth", algorithm=MD5-sess']);
    const plain = only(['Digest realm="r", nonce="n", qop="auth", algorithm=MD5']);
    const proof = parseAuthorization(authorize(session, { ...facts, cnonce: 'c' }));
    assert.notEqual(proof.response, parseAuthorization(authorize(plain, { ...facts, cnonce: 'c' })).response);
    assert.equal(verifyDigest(proof, { ...facts, nonce: 'n' }), true);
  });

  it('writes Basic, names beyond ASCII as UTF-8 in both schemes, and quotes what needs it', () => {
    const facts = {
      username: 'J\u00e4s\u00f8n \u65e5',
      password: 'p\u00e4ss',
      method: 'PLAY',
      uri: 'rtsp://h/',
    };
    const basic = parseAuthorization(authorize(only(['Basic realm="r"']), facts));
    assert.deepEqual(basic, { scheme: 'basic', username: facts.username, password: facts.password });
    const header = authorize(only(['Digest realm="a\\"b\\\\c", nonce="n"']), facts);
    assert.equal(parseAuthorization(header).realm, 'a"b\\c');
    assert.equal(verifyDigest(parseAuthorization(header), { ...facts, nonce: 'n' }), true);
    serializeRequest({ method: 'PLAY', uri: '*', headers: Headers.of([['Authorization', header]]) });
  });

  it('answers the strongest challenge it can, and refuses one that it cannot (RFC 7616 s.5.7)', () => {
    const strongest = (...values: string[]) => strongestChallenge(parseChallenges(values))?.raw;
    const [md5, sha, basic] = [
      'Digest realm="1", nonce="n"',
      'Digest realm="2", nonce="n", algorithm=SHA-256',
      'Basic realm="3"',
    ];
    assert.equal(strongest(basic, md5, sha), sha);
    assert.equal(strongest(sha, md5), sha);
    assert.equal(strongest(basic, md5), md5);
    assert.equal(strongest('Negotiate', basic), basic);
    assert.equal(strongest(md5, 'Digest realm="4", nonce="n"'), md5);
    const none = ['Negotiate', 'Digest realm="1"', `${md5}, algorithm=MD4`, `${md5}, qop="auth-int"`];
    assert.equal(strongest(...none), undefined);
    const facts = { username: 'u', password: 'p', method: 'PLAY', uri: '*' };
    for (const value of none)
      assert.throws(() => authorize(only([value]), facts), { code: 'RTSP_BAD_MESSAGE' });
  });
});
