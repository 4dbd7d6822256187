/** What must hold for any bytes, parser by parser, of the RTSP wire codec. */
import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import {
  authorize,
  Base64Stream,
  beginsTunnel,
  formatRtpInfo,
  formatSession,
  formatTransport,
  Headers,
  isTunnelRefusal,
  looksLikeRtsp,
  MessageReader,
  normalizeForSharing,
  parseAuthorization,
  parseChallenges,
  parseList,
  parseMessage,
  parseRange,
  parseRtpInfo,
  parseRtspUrl,
  parseSdp,
  parseSession,
  parseTransports,
  type RtspRequest,
  type RtspResponse,
  resolveControl,
  serializeRequest,
  serializeResponse,
  strongestChallenge,
  TunnelRequestReader,
  trackOfUrl,
  verifyDigest,
} from '../../src/protocol/rtsp/wire/index.ts';
import {
  badAuthorizations,
  challengeCases,
  goodAuthorizations,
  knownAnswers,
} from '../unit/protocol/rtsp/auth-cases.ts';
import {
  badRanges,
  badSessions,
  badTransports,
  goodRanges,
  goodSessions,
  goodTransports,
  lists,
  rtpInfos,
} from '../unit/protocol/rtsp/header-cases.ts';
import {
  badMessages,
  bytesOf,
  goodMessages,
  limits,
  plain,
  textOf,
  unfinishedMessages,
} from '../unit/protocol/rtsp/message-cases.ts';
import { badSdps, goodSdps, liveCases } from '../unit/protocol/rtsp/sdp-cases.ts';
import {
  badBase64,
  badTunnelHeads,
  goodBase64,
  goodTunnelHeads,
} from '../unit/protocol/rtsp/tunnel-cases.ts';
import {
  badUrls,
  goodUrls,
  resolvedControls,
  sharingGroups,
  trackCases,
} from '../unit/protocol/rtsp/url-cases.ts';
import type { FuzzTarget } from './fuzz.ts';
import { random } from './random.ts';

const seedsOf = (...tables: readonly (readonly { readonly text: string }[])[]): Uint8Array[] =>
  tables.flat().map(({ text }) => bytesOf(text));

/** A value may be no larger than a few times its text. */
function assertBounded(value: unknown, bytes: Uint8Array): void {
  const size = JSON.stringify(value).length;
  assert.ok(size <= 64 * bytes.length + 1024, `${bytes.length} bytes became ${size}`);
}

/** The text of a header as the message parser hands it on: without controls. */
const headerText = (bytes: Uint8Array): string =>
  textOf(bytes)
    .replace(/[^\t\x20-\x7e\x80-\xff]/g, '')
    .trim();

function serialize(message: RtspRequest | RtspResponse): Uint8Array {
  return message.kind === 'request' ? serializeRequest(message) : serializeResponse(message);
}

const withoutLength = (message: RtspRequest | RtspResponse) =>
  plain({ ...message, headers: message.headers.without('Content-Length') });

const messageSeeds = seedsOf(goodMessages, badMessages, unfinishedMessages);
const messageWords = [
  ...['OPTIONS', 'SETUP', 'PLAY', 'RTSP/1.0', 'RTSP/2.0', 'HTTP/1.1', ' 200 OK', 'rtsp://h/live'],
  ...['CSeq: 1\r\n', 'Content-Length: 5\r\n', 'Content-Length: 6\r\n', 'x-sessioncookie: 1\r\n'],
  ...['\r\n\r\n', '\n\n', '\r\n \t', '$\x00\x00\x05', '$\x01\xff\xff'],
];
// A message written again may have longer line ends than it came with.
const looseLimits = { maxHeaderBytes: limits.maxHeaderBytes * 4, maxBodyBytes: limits.maxBodyBytes };

/** Everything a reader gives for these pieces; the error last. */
function readAll(pieces: Iterable<Uint8Array>): unknown[] {
  const reader = new MessageReader(limits);
  const found: unknown[] = [];
  try {
    for (const piece of pieces) {
      reader.push(piece);
      for (let item = reader.next(); item !== undefined; item = reader.next()) {
        found.push(item.kind === 'frame' ? item : plain(item));
      }
    }
  } catch (error) {
    if (!isWeirError(error, 'RTSP_BAD_MESSAGE')) throw error;
    found.push(error.message, error.fields);
    return found;
  }
  assert.ok(reader.takeRest().length <= Math.max(limits.maxHeaderBytes + limits.maxBodyBytes, 65_539));
  return found;
}

function* cut(bytes: Uint8Array, next: (below: number) => number): Generator<Uint8Array> {
  const longest = 1 + next(next(2) === 0 ? 8 : 512);
  for (let start = 0; start < bytes.length; ) {
    const end = start + 1 + next(longest);
    yield bytes.subarray(start, end);
    start = end;
  }
}

const kindsOf = (found: readonly unknown[]): string =>
  found
    .slice(0, 4)
    .map((item) =>
      typeof item === 'string' ? item : typeof item === 'object' && item && 'kind' in item ? item.kind : '',
    )
    .join(' ');

/** Splits an input into lines, for functions of several texts. */
const linesOf = (bytes: Uint8Array): string[] => textOf(bytes).split('\n');

export const rtspTargets: readonly FuzzTarget[] = [
  {
    name: 'rtsp-message',
    seeds: messageSeeds,
    words: messageWords,
    allowed: ['RTSP_BAD_MESSAGE'],
    run(bytes) {
      const message = parseMessage(bytes, limits);
      assertBounded(plain(message), bytes);
      const written = serialize(message);
      const again = parseMessage(written, looseLimits);
      assert.deepEqual(withoutLength(again), withoutLength(message));
      assert.deepEqual(serialize(again), written);
      const head = bytes.subarray(0, bytes.length - message.body.length);
      assert.deepEqual(readAll([bytes]), [plain(message)]);
      if (message.kind === 'request') assert.equal(looksLikeRtsp(head), 'yes');
      return `${message.kind} ${message.headers.entries().length} ${Math.min(message.body.length, 3)}`;
    },
  },
  {
    name: 'rtsp-reader',
    seeds: [
      ...messageSeeds,
      ...goodMessages.map(({ text }) => bytesOf(`${text}$\x01\x00\x02ab\r\n${text}`)),
      bytesOf('$\x00\x00\x00$\x02\x00\x01$OPTIONS * RTSP/1.0\r\n\r\n$'),
    ],
    words: messageWords,
    allowed: [],
    run(bytes) {
      const whole = readAll([bytes]);
      const seed = bytes.reduce((hash, byte) => (Math.imul(hash, 31) + byte) | 0, bytes.length);
      const next = random(seed);
      for (let round = 0; round < 3; round += 1) assert.deepEqual(readAll(cut(bytes, next)), whole);
      return kindsOf(whole);
    },
  },
  {
    name: 'rtsp-detect',
    seeds: [
      ...messageSeeds,
      bytesOf('POST /live HTTP/1.1\r\nx-sessioncookie: 1\r\n\r\n'),
      bytesOf('\x16\x03\x01'),
    ],
    words: messageWords,
    allowed: [],
    run(bytes) {
      const verdict = looksLikeRtsp(bytes);
      for (const end of [1, 2, bytes.length >> 2, bytes.length >> 1, bytes.length - 1]) {
        const early = looksLikeRtsp(bytes.subarray(0, Math.max(0, end)));
        assert.ok(early === 'need-more' || early === verdict, `${early}, then ${verdict}`);
      }
      assert.ok(verdict !== 'need-more' || bytes.length < 32_768, 'asks for more without end');
      return verdict;
    },
  },
  {
    name: 'rtsp-tunnel-head',
    seeds: seedsOf(goodTunnelHeads, badTunnelHeads),
    words: [
      'GET / HTTP/1.0\r\n',
      'POST',
      'x-sessioncookie: a\r\n',
      'Accept: */*\r\n',
      '\r\n\r\n',
      'RTSP/1.0',
    ],
    allowed: [],
    run(bytes) {
      const whole = readTunnelHead([bytes]);
      const next = random(bytes.reduce((hash, byte) => (Math.imul(hash, 31) + byte) | 0, bytes.length));
      for (let round = 0; round < 3; round += 1) assert.equal(readTunnelHead(cut(bytes, next)), whole);
      // What becomes a tunnel was recognised as RTSP, and as none of the plain kind.
      if (/^(GET|POST)/.test(whole)) assert.ok(looksLikeRtsp(bytes) === 'yes' && beginsTunnel(bytes));
      return whole.slice(0, 5);
    },
  },
  {
    name: 'rtsp-base64',
    seeds: [...seedsOf(goodBase64), ...badBase64.map(bytesOf)],
    words: ['=', '==', 'QQ==', 'QUI=', 'QUJD', '\r\n', '+/'],
    allowed: [],
    run(bytes) {
      const whole = decodeAll([bytes]);
      const next = random(bytes.length + (bytes[0] ?? 0));
      // A long one in ten thousand pieces is slow without a fault.
      const rounds = bytes.length > 4096 ? 0 : 3;
      for (let round = 0; round < rounds; round += 1) assert.equal(decodeAll(cut(bytes, next)), whole);
      const text = textOf(bytes).replace(/[\t\r\n ]/g, '');
      const groups = text.match(/.{1,4}/gs) ?? [];
      const good = groups.every((group) =>
        /^([A-Za-z0-9+/]{2}(==|[A-Za-z0-9+/][A-Za-z0-9+/=])|[A-Za-z0-9+/]{1,3}|[A-Za-z0-9+/]{2}=)$/.test(
          group,
        ),
      );
      if (!good) assert.equal(whole, 'refused');
      else
        assert.equal(
          whole,
          groups
            .filter(({ length }) => length === 4)
            .map((group) => Buffer.from(group, 'base64').toString('hex'))
            .join(''),
        );
      return `${good} ${Math.min(whole.length, 8)}`;
    },
  },
  {
    name: 'rtsp-transport',
    seeds: seedsOf(goodTransports, badTransports),
    words: [
      'RTP/AVP',
      'RTP/AVP/TCP',
      'unicast',
      'multicast',
      'client_port=5000-5001',
      'interleaved=0-1',
      ',RTP/AVP/UDP;',
      'mode="PLAY"',
      'ssrc=0',
    ],
    allowed: ['RTSP_BAD_MESSAGE'],
    run(bytes) {
      const text = headerText(bytes);
      const specs = parseTransports(text);
      assertBounded(specs, bytes);
      assert.deepEqual(parseTransports(specs.map(formatTransport).join(', ')), specs);
      return specs
        .map((spec) => Object.keys(spec).join())
        .slice(0, 3)
        .join(' ');
    },
  },
  {
    name: 'rtsp-range',
    seeds: seedsOf(goodRanges, badRanges),
    words: ['npt=', 'clock=', 'smpte-25=', 'now', '-', '19961108T142300Z', '10:07:33:05.01', ';time='],
    allowed: ['RTSP_BAD_MESSAGE'],
    run(bytes) {
      const range = parseRange(headerText(bytes));
      assertBounded(range, bytes);
      for (const time of [range.start, range.end])
        assert.ok(typeof time !== 'number' || (time >= 0 && time < 1e13));
      return `${range.unit} ${typeof range.start} ${typeof range.end}`;
    },
  },
  {
    name: 'rtsp-session',
    seeds: seedsOf(goodSessions, badSessions),
    words: [';timeout=', '60', '"'],
    allowed: ['RTSP_BAD_MESSAGE'],
    run(bytes) {
      const session = parseSession(headerText(bytes));
      assertBounded(session, bytes);
      assert.deepEqual(parseSession(formatSession(session)), session);
      return Object.keys(session).join();
    },
  },
  {
    name: 'rtsp-rtp-info',
    seeds: seedsOf(rtpInfos),
    words: ['url=', ',url=', ';seq=', ';rtptime=', ';ssrc=', 'rtsp://h/a'],
    allowed: [],
    run(bytes) {
      const infos = parseRtpInfo(headerText(bytes));
      assertBounded(infos, bytes);
      assert.deepEqual(parseRtpInfo(formatRtpInfo(infos)), infos);
      return infos
        .map((info) => Object.keys(info).join())
        .slice(0, 3)
        .join(' ');
    },
  },
  {
    name: 'rtsp-list',
    seeds: seedsOf(lists),
    words: [',', '"', '\\"'],
    allowed: [],
    run(bytes) {
      const members = parseList(headerText(bytes));
      assertBounded(members, bytes);
      return String(Math.min(members.length, 20));
    },
  },
  {
    name: 'rtsp-url',
    seeds: [...seedsOf(goodUrls), ...badUrls.map(bytesOf), ...sharingGroups.flat().map(bytesOf)],
    words: ['rtsp://', 'user:pass@', '[::1]', ':554', ':8554', '/../', '/./', '//', '%2e', '%41', '%', '?'],
    allowed: ['RTSP_BAD_MESSAGE'],
    run(bytes) {
      const url = parseRtspUrl(textOf(bytes));
      assertBounded(url, bytes);
      assert.deepEqual(parseRtspUrl(url.raw), url);
      const key = normalizeForSharing(url);
      assert.equal(normalizeForSharing(key), key);
      const again = parseRtspUrl(key);
      assert.deepEqual([again.host, again.port, again.query], [url.host, url.port, url.query]);
      return `${url.host.includes(':')} ${url.path === ''} ${url.query === undefined} ${key.length === url.raw.length}`;
    },
  },
  {
    name: 'rtsp-control',
    seeds: [
      ...trackCases.flatMap(({ base, tracks, requests }) =>
        requests.map((request) =>
          bytesOf([base, request, ...tracks.map(({ control }) => control ?? '')].join('\n')),
        ),
      ),
      ...resolvedControls.map(({ base, control, url }) => bytesOf([base, url, control ?? '*'].join('\n'))),
    ],
    words: ['\n', 'rtsp://h/', '/', '*', '?', 'stream=1'],
    allowed: [],
    run(bytes) {
      const [base = '', request = '', ...controls] = linesOf(bytes).slice(0, 8);
      const tracks = controls.map((control) => ({ control }));
      const index = trackOfUrl(request, { base, tracks });
      assert.ok(index === undefined || index in tracks);
      // What Weir would ask an origin for is understood when a viewer asks for it, unless an earlier track says the same.
      const found = tracks.map(({ control }) => {
        const own = resolveControl(base, control);
        const itself = trackOfUrl(own, { base, tracks: [{ control }] });
        assert.ok(itself === 0 || !canParse(own), own);
        return itself;
      });
      return `${index} ${found.join()}`;
    },
  },
  {
    name: 'rtsp-auth',
    seeds: [
      ...challengeCases.flatMap(({ values }) => values.map(bytesOf)),
      ...seedsOf(goodAuthorizations, badAuthorizations),
      ...knownAnswers.map(({ challenge }) => bytesOf(challenge)),
    ],
    words: [
      'Digest ',
      'Basic ',
      'realm="',
      'nonce="',
      ', ',
      'qop=auth',
      'algorithm=SHA-256',
      'algorithm=MD5-sess',
      'stale=true',
      '\\"',
    ],
    allowed: ['RTSP_BAD_MESSAGE'],
    run(bytes) {
      const text = headerText(bytes);
      const challenges = parseChallenges([text]);
      assertBounded(challenges, bytes);
      const best = strongestChallenge(challenges);
      if (best) {
        const facts = { username: 'user', password: 'pass', method: 'PLAY', uri: 'rtsp://h/"\\' };
        const header = authorize(best, facts);
        serializeRequest({ method: 'PLAY', uri: '*', headers: Headers.of([['Authorization', header]]) });
        const proof = parseAuthorization(header);
        if (best.scheme === 'digest') assert.ok(verifyDigest(proof, { ...facts, nonce: best.nonce ?? '' }));
        else assert.deepEqual([proof.username, proof.password], ['user', 'pass']);
      }
      const given = parseAuthorization(text);
      return `${challenges.length > 3 ? 'many' : challenges.map((challenge) => Object.keys(challenge).join())} ${Object.keys(given).join()}`;
    },
  },
  {
    name: 'rtsp-sdp',
    seeds: seedsOf(goodSdps, liveCases, badSdps.slice(0, -1)),
    words: [
      '\r\nm=video 0 RTP/AVP 96',
      '\r\na=rtpmap:96 H264/90000',
      '\r\na=fmtp:96 packetization-mode=1;',
      '\r\na=control:',
      '\r\na=range:npt=0-10',
      '\r\na=ssrc:1 cname:x',
      '\r\na=mid:0',
      '\r\na=',
      '\r\nm=',
    ],
    allowed: ['RTSP_BAD_SDP'],
    run(bytes) {
      const sdp = parseSdp(bytes);
      assertBounded(sdp, bytes);
      assert.ok(sdp.tracks.length >= 1 && sdp.tracks.length <= 32);
      for (const [index, track] of sdp.tracks.entries()) {
        assert.equal(track.index, index);
        assert.ok(
          track.clockRateHz > 0 && track.clockRateHz <= 0xffff_ffff && Number.isFinite(track.clockRateHz),
        );
        assert.ok(track.payloadTypes.every((payloadType) => payloadType >= 0 && payloadType <= 127));
        assert.ok(track.ssrc === undefined || (Number.isInteger(track.ssrc) && track.ssrc <= 0xffff_ffff));
      }
      return `${sdp.live} ${sdp.control === undefined} ${sdp.tracks.map((track) => track.codec).slice(0, 4)}`;
    },
  },
];

/** What a tunnel's head read in these pieces comes to: method, cookie and the bytes behind it, or the refusal. */
function readTunnelHead(pieces: Iterable<Uint8Array>): string {
  const reader = new TunnelRequestReader(limits);
  let found: ReturnType<TunnelRequestReader['push']>;
  let behind = '';
  try {
    for (const piece of pieces) {
      if (found) behind += textOf(piece);
      else found = reader.push(piece);
    }
  } catch (error) {
    if (!isWeirError(error, 'RTSP_BAD_MESSAGE')) throw error;
    assert.ok(isTunnelRefusal(error.fields.status), `${error.fields.status}`);
    return `refused ${error.fields.status}`;
  }
  return found ? `${found.request.method} ${found.request.cookie} ${textOf(found.rest)}${behind}` : 'more';
}

/** What base64 in these pieces decodes to, in hex; `refused` when it is none. */
function decodeAll(pieces: Iterable<Uint8Array>): string {
  const stream = new Base64Stream();
  let decoded = '';
  try {
    for (const piece of pieces) decoded += Buffer.from(stream.push(piece)).toString('hex');
  } catch (error) {
    if (!isWeirError(error, 'RTSP_BAD_MESSAGE')) throw error;
    return 'refused';
  }
  return decoded;
}

function canParse(url: string): boolean {
  try {
    parseRtspUrl(url);
    return true;
  } catch {
    return false;
  }
}
