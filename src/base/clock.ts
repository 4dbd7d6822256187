/** Time, handed in wherever it matters, so that tests can turn it by hand. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump. */
  nowMs(): number;
  /** Monotonic, nanoseconds. Same origin as the datapath's (CLOCK_MONOTONIC). */
  monoNs(): bigint;
  /** Resolves after `delayMs`; rejects with the signal's reason when aborted. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  /** Calls `run` every `periodMs` until the returned handle is disposed of. Does not keep the process alive. */
  every(periodMs: number, run: () => void): Disposable;
  /** Calls `run` once after `delayMs` unless disposed of before. Does not keep the process alive. */
  after(delayMs: number, run: () => void): Disposable;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monoNs: () => process.hrtime.bigint(),
  sleep: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', abort);
        resolve();
      }, delayMs);
      signal?.addEventListener('abort', abort, { once: true });
    }),
  every: (periodMs, run) => {
    const timer = setInterval(run, periodMs);
    timer.unref();
    return { [Symbol.dispose]: () => clearInterval(timer) };
  },
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};
