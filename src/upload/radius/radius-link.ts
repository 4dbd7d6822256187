import type { Closeable } from '#base';
import type { Attribute } from './attributes.ts';

/** One way to one RADIUS server. */
export interface RadiusLink extends Closeable {
  /** What an operator calls it: `192.0.2.1:1813`. */
  readonly server: string;
  /** How many requests it carries at a time. */
  readonly window: number;
  /**
   * Sends an Accounting-Request, again as often as the transport wants it, and resolves once the server has answered.
   * Rejects with TIMED_OUT, or UPLOAD_FAILED, and the server's name.
   */
  request(attributes: readonly Attribute[]): Promise<void>;
}
