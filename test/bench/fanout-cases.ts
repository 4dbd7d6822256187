/** One row of the table. */
export interface FanoutCase {
  readonly transport: 'udp' | 'tcp';
  /** Of the access NIC: whether it takes many packets at once, to part them itself. */
  readonly offload: boolean;
  /** Of the engine, each with a feed of its own. */
  readonly threads: number;
  readonly viewers: number;
}

/** What was asked for; undefined: what is worth a row. */
export interface FanoutChoice {
  readonly transports: readonly FanoutCase['transport'][] | undefined;
  readonly offload: readonly boolean[] | undefined;
  readonly threads: readonly number[] | undefined;
  readonly viewers: readonly number[] | undefined;
  /** As few as show the goals. */
  readonly brief: boolean;
}

const manyViewers = [100, 1000];
const allViewers = { udp: [1, 10, 100, 500, 1000, 2000], tcp: [1, 10, 100, 500, 1000] } as const;

/**
 * The rows, those of as many threads together. Where nothing was asked for, segmentation by the CPU and a second thread get
 * a row for 100 viewers and one for 1,000.
 */
export function fanoutCases(choice: FanoutChoice): readonly FanoutCase[] {
  const {
    transports = ['udp', 'tcp'],
    offload,
    threads = choice.brief ? [1] : [1, 2],
    viewers,
    brief,
  } = choice;
  return threads.flatMap((count) => {
    const second = count > 1 && choice.threads === undefined;
    return transports.flatMap((transport) => {
      const both = transport === 'udp' && !brief && !second;
      return (offload ?? (both ? [true, false] : [true])).flatMap((on) => {
        const few = brief || second || (!on && offload === undefined);
        return (viewers ?? (few ? manyViewers : allViewers[transport]))
          .filter((wanted) => wanted >= count)
          .map((wanted) => ({ transport, offload: on, threads: count, viewers: wanted }));
      });
    });
  });
}
