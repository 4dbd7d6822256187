import { execFileSync } from 'node:child_process';
import { createLog } from '#base';
import { openDatapath } from '../../hal/datapath/datapath.ts';
import { datapathContract } from './datapath.contract.ts';
import { loopbackWorld, simWorld } from './datapath-world.ts';
import { feedContract } from './feed.contract.ts';

const track = { clockRateHz: 90_000, codec: 'none', video: false } as const;

/** What the datapath has to report is a failed test. */
const log = createLog({
  write: (line) =>
    queueMicrotask(() => {
      throw new Error(line);
    }),
  level: () => 'warn',
  nowMs: () => Date.now(),
});

describe('the simulated datapath', () => {
  datapathContract(simWorld);
  describe('a feed', () => feedContract(simWorld));
});

for (const threads of [1, 3]) {
  describe(`the native datapath with engine threads: ${threads}`, () => {
    const sandboxed = process.env.WEIR_TEST_SANDBOX === '1';
    const silent = { address: '192.0.2.1', port: 9 };

    before(() => {
      // Routed to loopback but nobody's address: the kernel drops what goes there, and says nothing.
      if (sandboxed) execFileSync('ip', ['route', 'add', '192.0.2.0/24', 'dev', 'lo']);
    });
    after(() => {
      if (sandboxed) execFileSync('ip', ['route', 'delete', '192.0.2.0/24', 'dev', 'lo']);
    });

    const open = async () => {
      const datapath = openDatapath({ log, realtime: false, threads });
      // Feeds go to the thread with the least to do: not to the first one, where pairs and connections are made.
      if (threads > 1) await datapath.createFeed({ tracks: [track], ringBytes: 1 << 20, ringMs: 1000 });
      return loopbackWorld(datapath, sandboxed ? silent : undefined);
    };
    datapathContract(open);
    describe('a feed', () => feedContract(open));
  });
}
