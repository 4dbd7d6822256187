import { authorize, parseChallenges } from '../wire/index.ts';

export interface OriginCredentials {
  readonly username: string;
  readonly password: string;
}

type Challenge = ReturnType<typeof parseChallenges>[number];

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

  /** The origin asked: Digest is preferred to Basic. */
  challenge(values: readonly string[]): void {
    const challenges = parseChallenges(values);
    this.#challenge =
      challenges.find(({ scheme }) => scheme === 'digest') ??
      challenges.find(({ scheme }) => scheme === 'basic');
    this.#nonceCount = 0;
  }

  /** Value of Authorization; undefined before the first challenge and without credentials. */
  sign(method: string, uri: string): string | undefined {
    if (!this.#credentials || !this.#challenge) return undefined;
    return authorize(this.#challenge, { ...this.#credentials, method, uri, nonceCount: ++this.#nonceCount });
  }
}
