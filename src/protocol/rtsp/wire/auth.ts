/** WWW-Authenticate and Authorization (RFC 2326 s.12.5, RFC 2617, RFC 7616). */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { badMessage } from './bad-message.ts';
import { isToken, latin1, quote, splitOutsideQuotes, trimBlanks, unquote } from './grammar.ts';

export interface Challenge {
  readonly scheme: 'basic' | 'digest' | 'other';
  readonly realm: string;
  readonly nonce?: string;
  readonly opaque?: string;
  /** As written; MD5 when not said. */
  readonly algorithm?: string;
  /** Lower case; empty or missing: the challenge is RFC 2069's, without. */
  readonly qop?: readonly string[];
  readonly stale?: boolean;
  /** This challenge alone, as written. */
  readonly raw: string;
}

/** A viewer's proof. Holds secrets: never shown, never logged. */
export interface Authorization {
  readonly scheme: 'basic' | 'digest' | 'other';
  readonly username?: string;
  /** Basic only. */
  readonly password?: string;
  readonly realm?: string;
  readonly nonce?: string;
  /** What was signed. Players differ in it: verify with this one, not with the request line's. */
  readonly uri?: string;
  readonly response?: string;
  readonly algorithm?: string;
  readonly opaque?: string;
  readonly qop?: string;
  readonly cnonce?: string;
  readonly nc?: string;
}

export interface SigningFacts {
  readonly username: string;
  readonly password: string;
  readonly method: string;
  readonly uri: string;
  /** Random unless given. */
  readonly cnonce?: string;
  /** How often this nonce has been used, from 1 (which is the default). */
  readonly nonceCount?: number;
}

/** All challenges of all WWW-Authenticate headers, in their order; one header may hold several. */
export function parseChallenges(values: readonly string[]): Challenge[] {
  return values.flatMap((value) => splitSchemes(value).map(toChallenge));
}

interface SchemeText {
  readonly scheme: 'basic' | 'digest' | 'other';
  readonly parameters: ReadonlyMap<string, string>;
  readonly raw: string;
}

const schemeOf = (name: string): SchemeText['scheme'] => {
  const lower = name.toLowerCase();
  return lower === 'basic' || lower === 'digest' ? lower : 'other';
};

/** Cuts a header at its scheme names: members that begin with a token that no `=` follows. */
function splitSchemes(value: string): SchemeText[] {
  const found: { name: string; members: string[] }[] = [];
  for (const member of splitOutsideQuotes(value, ',')) {
    const blank = member.search(/[ \t]/);
    const name = blank < 0 ? member : member.slice(0, blank);
    const rest = blank < 0 ? '' : trimBlanks(member.slice(blank));
    if (isToken(name) && !rest.startsWith('=')) found.push({ name, members: [rest] });
    else if (member !== '') found.at(-1)?.members.push(member);
  }
  return found.map(({ name, members }) => ({
    scheme: schemeOf(name),
    parameters: readParameters(members),
    raw: `${name} ${members.join(', ')}`.trimEnd(),
  }));
}

/** `name=value` or `name="value"`; the first of each name counts, what is neither is left out. */
function readParameters(members: readonly string[]): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const member of members) {
    const equals = member.indexOf('=');
    const name = trimBlanks(member.slice(0, Math.max(equals, 0))).toLowerCase();
    const value = unquote(trimBlanks(member.slice(equals + 1)));
    if (isToken(name) && value !== undefined && !parameters.has(name)) parameters.set(name, value);
  }
  return parameters;
}

function toChallenge({ scheme, parameters, raw }: SchemeText): Challenge {
  const qop = parameters.get('qop');
  const stale = parameters.get('stale');
  return {
    scheme,
    realm: parameters.get('realm') ?? '',
    ...pick(parameters, ['nonce', 'opaque', 'algorithm']),
    ...(qop === undefined
      ? {}
      : {
          qop: qop
            .toLowerCase()
            .split(/[ \t,]+/)
            .filter(Boolean),
        }),
    ...(stale === undefined ? {} : { stale: stale.toLowerCase() === 'true' }),
    raw,
  };
}

/** Those of `names` that are there, as an object. */
function pick<K extends string>(
  parameters: ReadonlyMap<string, string>,
  names: readonly K[],
): { [P in K]?: string } {
  const picked: { [P in K]?: string } = {};
  for (const name of names) {
    const value = parameters.get(name);
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}

/** RTSP_BAD_MESSAGE (400) when the header has no scheme, two of them, or Basic credentials that are not base64. */
export function parseAuthorization(value: string): Authorization {
  const bad = (what: string) => badMessage(what, { offset: 0, status: 400 });
  const [, name = '', rest = ''] = /^([^ \t]+)(?:[ \t]+(.*))?$/.exec(trimBlanks(value)) ?? [];
  if (!isToken(name)) throw bad('Authorization without a scheme');
  const scheme = schemeOf(name);
  if (scheme === 'other') return { scheme };
  if (scheme === 'basic') {
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(rest)) throw bad('bad Basic credentials');
    const text = Buffer.from(rest, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    if (colon < 0) throw bad('bad Basic credentials');
    return { scheme, username: text.slice(0, colon), password: text.slice(colon + 1) };
  }
  const [first, ...others] = splitSchemes(value);
  if (!first || others.length > 0) throw bad('bad Digest credentials');
  return {
    scheme,
    ...pick(first.parameters, ['username', 'realm', 'nonce', 'uri', 'response', 'algorithm']),
    ...pick(first.parameters, ['opaque', 'qop', 'cnonce', 'nc']),
  };
}

/** Weakest first. */
const hashes: ReadonlyMap<string, string> = new Map([
  ['md5', 'md5'],
  ['sha-256', 'sha256'],
  ['sha-512-256', 'sha512-256'],
]);

/** The hash of an `algorithm`, and whether it is the `-sess` variant; undefined when it is none we have. */
function algorithmOf(algorithm: string | undefined): { hash: string; session: boolean } | undefined {
  const lower = (algorithm ?? 'MD5').toLowerCase();
  const session = lower.endsWith('-sess');
  const hash = hashes.get(session ? lower.slice(0, -'-sess'.length) : lower);
  return hash === undefined ? undefined : { hash, session };
}

function canAnswer(challenge: Challenge): boolean {
  if (challenge.scheme === 'basic') return true;
  if (challenge.scheme === 'other' || challenge.nonce === undefined || !algorithmOf(challenge.algorithm))
    return false;
  return !challenge.qop?.length || challenge.qop.includes('auth');
}

/** The strongest challenge that `authorize` can answer (RFC 7616 s.5.7): a better hash, Digest, Basic. */
export function strongestChallenge(challenges: readonly Challenge[]): Challenge | undefined {
  const order = [...hashes.values()];
  const strength = (challenge: Challenge) =>
    challenge.scheme === 'basic' ? -1 : order.indexOf(algorithmOf(challenge.algorithm)?.hash ?? '');
  return challenges
    .filter(canAnswer)
    .reduce<Challenge | undefined>(
      (best, next) => (best === undefined || strength(next) > strength(best) ? next : best),
      undefined,
    );
}

/** The Authorization header that answers `challenge`. RTSP_BAD_MESSAGE when none can (see `strongestChallenge`). */
export function authorize(challenge: Challenge, facts: SigningFacts): string {
  if (!canAnswer(challenge)) throw badMessage('challenge cannot be answered');
  if (challenge.scheme === 'basic') {
    return `Basic ${Buffer.from(`${facts.username}:${facts.password}`, 'utf8').toString('base64')}`;
  }
  const { realm, nonce = '', opaque, algorithm } = challenge;
  const qop = challenge.qop?.length ? 'auth' : undefined;
  const nc = (facts.nonceCount ?? 1).toString(16).padStart(8, '0');
  const needsCnonce = qop !== undefined || algorithmOf(algorithm)?.session;
  const cnonce = needsCnonce ? (facts.cnonce ?? randomBytes(8).toString('hex')) : undefined;
  const username = oneByteText(facts.username);
  const { method, uri } = facts;
  const signed = { username, realm, nonce, uri, algorithm, qop, nc, cnonce };
  const response = digestResponse(signed, oneByteText(facts.password), method);
  const quoted = { username, realm, nonce, uri, response };
  const parameters = Object.entries(quoted).map(([name, value]) => `${name}=${quote(value)}`);
  if (algorithm !== undefined) parameters.push(`algorithm=${algorithm}`);
  if (opaque !== undefined) parameters.push(`opaque=${quote(opaque)}`);
  if (qop !== undefined) parameters.push(`qop=${qop}`, `nc=${nc}`);
  if (cnonce !== undefined) parameters.push(`cnonce=${quote(cnonce)}`);
  return `Digest ${parameters.join(', ')}`;
}

/** Whether `authorization` proves the password for `method`, over the URI it names itself. */
export function verifyDigest(
  authorization: Authorization,
  expected: {
    readonly method: string;
    readonly username: string;
    readonly password: string;
    readonly nonce: string;
  },
): boolean {
  const { scheme, username, realm, nonce, uri, response, qop } = authorization;
  if (scheme !== 'digest' || username !== oneByteText(expected.username) || nonce !== expected.nonce)
    return false;
  if (realm === undefined || uri === undefined || response === undefined) return false;
  if (!algorithmOf(authorization.algorithm) || (qop !== undefined && qop.toLowerCase() !== 'auth'))
    return false;
  const right = Buffer.from(
    digestResponse(
      { ...authorization, username, realm, nonce, uri },
      oneByteText(expected.password),
      expected.method,
    ),
  );
  const given = Buffer.from(response.toLowerCase());
  return given.length === right.length && timingSafeEqual(given, right);
}

/** UTF-8 as one byte a character, as all text of this codec is (RFC 7616 s.4). */
const oneByteText = (text: string): string => latin1(Buffer.from(text, 'utf8'));

/** RFC 2617 s.3.2.2, RFC 7616 s.3.4.1. */
function digestResponse(
  signed: {
    readonly username: string;
    readonly realm: string;
    readonly nonce: string;
    readonly uri: string;
    readonly algorithm?: string | undefined;
    readonly qop?: string | undefined;
    readonly nc?: string | undefined;
    readonly cnonce?: string | undefined;
  },
  password: string,
  method: string,
): string {
  const { username, realm, nonce, uri, algorithm, qop, nc = '', cnonce = '' } = signed;
  const { hash = 'md5', session = false } = algorithmOf(algorithm) ?? {};
  const digest = (text: string) => createHash(hash).update(text, 'latin1').digest('hex');
  const secret = digest(`${username}:${realm}:${password}`);
  const a1 = session ? digest(`${secret}:${nonce}:${cnonce}`) : secret;
  const a2 = digest(`${method}:${uri}`);
  return digest(qop === undefined ? `${a1}:${nonce}:${a2}` : `${a1}:${nonce}:${nc}:${cnonce}:${qop}:${a2}`);
}
