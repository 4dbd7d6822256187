import { WeirError } from '#base';

/** Where a message is wrong and what to answer: `status` is the RTSP status a server should send. */
export interface BadMessageFacts {
  /** Bytes from the first byte of the message, or characters from the start of the header value. */
  readonly offset?: number;
  readonly status?: number;
  /** The CSeq of the refused request, when it could be read: the answer must carry it (RFC 2326 s.12.17). */
  readonly cseq?: number;
}

/** The one refusal of this codec. The message never quotes the input: it may hold credentials. */
export function badMessage(what: string, facts: BadMessageFacts = {}): WeirError {
  return new WeirError('RTSP_BAD_MESSAGE', what, { fields: { ...facts } });
}
