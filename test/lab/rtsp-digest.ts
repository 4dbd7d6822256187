import { createHash } from 'node:crypto';

/** `Digest realm="lab", nonce="..."` as a map of its parameters (RFC 2617 s.3.2.1). */
export function authParameters(header: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const [, name = '', quoted, bare] of header.matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g)) {
    parameters.set(name.toLowerCase(), quoted ?? bare ?? '');
  }
  return parameters;
}

/** The `response` of RFC 2617 s.3.2.2 without qop, MD5, as every player of the field sends it. */
export function digestResponse(facts: {
  readonly user: string;
  readonly password: string;
  readonly realm: string;
  readonly nonce: string;
  readonly method: string;
  readonly uri: string;
}): string {
  const { user, password, realm, nonce, method, uri } = facts;
  return md5(`${md5(`${user}:${realm}:${password}`)}:${nonce}:${md5(`${method}:${uri}`)}`);
}

/** The `Authorization` header that answers a Digest or Basic challenge. */
export function authorization(
  challenge: string,
  credentials: { readonly user: string; readonly password: string },
  method: string,
  uri: string,
): string {
  const { user, password } = credentials;
  if (/^Basic\b/i.test(challenge)) return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const parameters = authParameters(challenge);
  const realm = parameters.get('realm') ?? '';
  const nonce = parameters.get('nonce') ?? '';
  const response = digestResponse({ user, password, realm, nonce, method, uri });
  return `Digest username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${response}"`;
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
