import { authorize, type Challenge, parseChallenges, strongestChallenge } from '../wire/index.ts';

export interface OriginCredentials {
  readonly username: string;
  readonly password: string;
}

/** Signs Weir's own requests with the operator's credentials, by the origin's last challenge (RFC 7616, RFC 7617). */
export class OwnSignature {
  readonly #credentials: OriginCredentials | undefined;
  #challenge: Challenge | undefined;
  #nonceCount = 0;

  constructor(credentials: OriginCredentials | undefined) {
    this.#credentials = credentials;
  }

  /** The operator gave credentials for this origin. */
  get able(): boolean {
    return this.#credentials !== undefined;
  }

  /** The origin asked: its strongest challenge is answered from now on. */
  challenge(values: readonly string[]): void {
    this.#challenge = strongestChallenge(parseChallenges(values));
    this.#nonceCount = 0;
  }

  /** Value of Authorization; undefined before the first challenge and without credentials. */
  sign(method: string, uri: string): string | undefined {
    if (!this.#credentials || !this.#challenge) return undefined;
    return authorize(this.#challenge, { ...this.#credentials, method, uri, nonceCount: ++this.#nonceCount });
  }
}
