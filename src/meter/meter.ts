import type { Clock, Log } from '#base';
import type { ViewerCounters } from '#hal';

/** What one session used until `monoNs`. Bytes are media: RTP header + payload. */
export interface UsageSample {
  readonly sessionId: string;
  readonly txBytes: bigint;
  readonly txPackets: bigint;
  readonly droppedPackets: bigint;
  readonly reportedLostPackets: bigint;
  readonly monoNs: bigint;
}

/**
 * The counters a session is billed by, and the only place that says which they are: by UDP what the kernel accepted, by TCP
 * what the viewer acknowledged.
 */
export const billedOf = (counters: ViewerCounters): { readonly bytes: bigint; readonly packets: bigint } => ({
  bytes: counters.txBytes,
  packets: counters.txPackets,
});

/**
 * Reads what one session used. A sample is never below the one before, whatever the counters say: a counter that runs
 * backwards is a fault of ours, and is logged once.
 */
export class Meter {
  readonly #sessionId: string;
  readonly #read: () => ViewerCounters;
  readonly #clock: Clock;
  readonly #log: Log;
  #last = { txBytes: 0n, txPackets: 0n, droppedPackets: 0n };
  #ranBackwards = false;

  constructor(options: { sessionId: string; read: () => ViewerCounters; clock: Clock; log: Log }) {
    this.#sessionId = options.sessionId;
    this.#read = options.read;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  sample(): UsageSample {
    const counters = this.#read();
    const billed = billedOf(counters);
    const now = {
      txBytes: billed.bytes,
      txPackets: billed.packets,
      droppedPackets: counters.droppedPackets,
    };
    this.#last = {
      txBytes: this.#highest('txBytes', now.txBytes),
      txPackets: this.#highest('txPackets', now.txPackets),
      droppedPackets: this.#highest('droppedPackets', now.droppedPackets),
    };
    return {
      sessionId: this.#sessionId,
      ...this.#last,
      // The viewer's own word: it may take a loss back when the packet comes late (RFC 3550 A.3).
      reportedLostPackets: counters.reportedLostPackets,
      monoNs: this.#clock.monoNs(),
    };
  }

  #highest(counter: 'txBytes' | 'txPackets' | 'droppedPackets', now: bigint): bigint {
    const before = this.#last[counter];
    if (now >= before) return now;
    if (!this.#ranBackwards) {
      this.#log.error('counter ran backwards', { sessionId: this.#sessionId, counter, before, now });
    }
    this.#ranBackwards = true;
    return before;
  }
}
