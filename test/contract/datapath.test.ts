import { execFileSync } from 'node:child_process';
import { createLog } from '#base';
import { openDatapath } from '../../hal/datapath/datapath.ts';
import { datapathContract } from './datapath.contract.ts';
import { loopbackWorld, simWorld } from './datapath-world.ts';
import { feedContract } from './feed.contract.ts';

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

describe('the native datapath', () => {
  const sandboxed = process.env.WEIR_TEST_SANDBOX === '1';
  const silent = { address: '192.0.2.1', port: 9 };

  before(() => {
    // Routed to loopback but nobody's address: the kernel drops what goes there, and says nothing.
    if (sandboxed) execFileSync('ip', ['route', 'add', '192.0.2.0/24', 'dev', 'lo']);
  });
  after(() => {
    if (sandboxed) execFileSync('ip', ['route', 'delete', '192.0.2.0/24', 'dev', 'lo']);
  });

  const open = () => loopbackWorld(openDatapath({ log, realtime: false }), sandboxed ? silent : undefined);
  datapathContract(open);
  describe('a feed', () => feedContract(open));
});
