/** How a number of viewers is made up. */
export interface Audience {
  /** Their packets come to a socket and are checked. */
  readonly receivers: number;
  /**
   * Whole sessions too, but by UDP their media is counted and dropped where it enters their host, by TCP it is counted and
   * thrown away by the kernel where it is read.
   */
  readonly others: number;
}

/** Above this the receivers would take more of a small machine than what is measured. */
const mostReceivers = 100;
const receiversAmongMany = 4;

export function audienceOf(viewers: number): Audience {
  const receivers = viewers > mostReceivers ? receiversAmongMany : viewers;
  return { receivers, others: viewers - receivers };
}
