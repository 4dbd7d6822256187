import type { Refusal } from '../../outcome.ts';

/** An answer to one request; CSeq and Server are added when it is sent. */
export interface Reply {
  readonly status: number;
  readonly phrase?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: Uint8Array;
  /** Done once the answer is on its way; the next request does not wait for it. */
  readonly after?: () => Promise<void>;
  /** Not waited for by the answer itself, but by the next request of its connection. Ends by itself, soon. */
  readonly beforeNext?: Promise<void>;
}

/** Headers of an origin's refusal that belong to its connection, not to the viewer's. */
const hopHeaders = ['cseq', 'session', 'connection', 'content-length', 'transport', 'server', 'date'];

/** How a refusal reads in RTSP (RFC 2326 s.11). */
export function replyTo(refusal: Refusal): Reply {
  switch (refusal.why) {
    case 'origin': {
      const { status, phrase, headers, body } = refusal.answer;
      const kept = headers.filter(([name]) => !hopHeaders.includes(name.toLowerCase()));
      return { status, phrase, headers: kept, body };
    }
    case 'unreachable':
      return { status: refusal.timedOut ? 504 : 503 };
    case 'bad-answer':
      return { status: 502 };
    case 'not-admitted':
      return { status: 453 };
    case 'not-now':
      return { status: 503 };
    case 'connection-busy':
      return { status: 503, phrase: 'Another Feed On This Connection' };
    case 'state':
    case 'not-proven':
      return { status: 455 };
    case 'ended':
      return { status: 454 };
  }
}
