/** What the first bytes of a connection say about its protocol. */
export type Recognition = 'yes' | 'no' | 'need-more';

/** One way to access media, named by the method of its URLs. A further protocol is a further folder with one of these. */
export interface AccessMethod {
  readonly name: string;
  /** The seed's question: is it a real-time service? */
  readonly live: boolean;
  recognise(bytes: Uint8Array): Recognition;
  /** Are these the first bytes of an answer in this protocol? */
  answers(bytes: Uint8Array): boolean;
}
