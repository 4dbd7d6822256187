import type { Station } from '../../src/demo/world/index.ts';
import { SourceProcess } from './load/index.ts';

/** A live source that can be made to fail. */
export class FailingSource implements AsyncDisposable {
  readonly station: Station;
  readonly port: number;
  readonly #start: () => Promise<SourceProcess>;
  #process: SourceProcess;

  private constructor(
    station: Station,
    port: number,
    start: () => Promise<SourceProcess>,
    first: SourceProcess,
  ) {
    this.station = station;
    this.port = port;
    this.#start = start;
    this.#process = first;
  }

  static async start(
    station: Station,
    port: number,
    options: Omit<Parameters<typeof SourceProcess.start>[1], 'address' | 'port'>,
  ): Promise<FailingSource> {
    const start = () => SourceProcess.start(station.host, { address: station.address4, port, ...options });
    return new FailingSource(station, port, start, await start());
  }

  get process(): SourceProcess {
    return this.#process;
  }

  /** In place of one that has ended. */
  async startAgain(): Promise<void> {
    this.#process = await this.#start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.close();
  }
}

/** A way to fail: `begin` resolves when the source is gone, `end` when it is there again. */
export interface Failure {
  readonly begin: (source: FailingSource) => Promise<unknown>;
  readonly end: (source: FailingSource) => Promise<unknown>;
  /** It says nothing of its end: that it has failed shows after `relay.silenceSeconds` only. */
  readonly unsaid: boolean;
}

const nowhere = `
table inet weir_silent {
  chain in { type filter hook input priority 0; policy drop; }
  chain out { type filter hook output priority 0; policy drop; }
}
`;

const ip = ({ station }: FailingSource, ...words: readonly string[]) => station.host.ip(...words);

export const failures = {
  killed: {
    unsaid: false,
    begin: (source) => source.process.kill(),
    end: (source) => source.startAgain(),
  },
  /** RTCP BYE to every receiver, then FIN. */
  goodbye: {
    unsaid: false,
    begin: (source) => source.process.close(),
    end: (source) => source.startAgain(),
  },
  /** Its TCP connections are reset, and it goes on. */
  reset: {
    unsaid: false,
    begin: ({ station, port }) => station.host.run('ss', ['-K', '-tn', 'sport', '=', `:${port}`]),
    end: async () => {},
  },
  /** It stands still, with its sockets open, and then goes on. */
  hung: {
    unsaid: true,
    begin: async (source) => source.process.freeze(),
    end: async (source) => source.process.thaw(),
  },
  /** Nothing comes from it or reaches it, and nobody is told. */
  silent: {
    unsaid: true,
    begin: ({ station }) => station.host.run('nft', ['-f', '-'], { input: nowhere }),
    end: ({ station }) => station.host.run('nft', ['delete', 'table', 'inet', 'weir_silent']),
  },
  /** Its address is taken from it, and its routes with it. */
  'address gone': {
    unsaid: true,
    begin: (source) => ip(source, 'address', 'delete', `${source.station.address4}/24`, 'dev', 'eth0'),
    end: async (source) => {
      await ip(source, 'address', 'add', `${source.station.address4}/24`, 'dev', 'eth0');
      await ip(source, 'route', 'replace', 'default', 'via', gatewayOf(source.station.address4));
    },
  },
} as const satisfies Readonly<Record<string, Failure>>;

export type FailureName = keyof typeof failures;

/** The box: the first address of the network. */
const gatewayOf = (address4: string): string => address4.replace(/\d+$/, '1');
