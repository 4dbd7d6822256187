import { execFileSync } from 'node:child_process';
import { createLog } from '#base';
import { openDatapath } from '../../hal/datapath/datapath.ts';
import { datapathContract } from './datapath.contract.ts';
import { type DatapathWorld, loopbackWorld, simWorld } from './datapath-world.ts';
import { feedContract } from './feed.contract.ts';
import { orderContract } from './feed-order.contract.ts';
import { resumeContract } from './feed-resume.contract.ts';
import { viewerContract } from './viewer-path.contract.ts';

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

/** Each of them opens a datapath of its own for each test. */
function mediaContract(open: () => Promise<DatapathWorld>): void {
  describe('a feed', () => feedContract(open));
  describe('packets of a feed that come in disorder (RFC 3550 s.5.1)', () => orderContract(open));
  describe('an upstream session that begins anew', () => resumeContract(open));
  describe('a viewer of a feed', () => viewerContract(open));
}

describe('the simulated datapath', () => {
  datapathContract(simWorld);
  mediaContract(simWorld);
});

/** Loopback: there the kernel finds nobody to clone for, and everybody is sent to. With viewers behind a NIC: test/native. */
const loopback = 1;

for (const { threads, cloning } of [
  { threads: 1, cloning: false },
  { threads: 1, cloning: true },
  { threads: 3, cloning: true },
]) {
  const clones = cloning ? 'on' : 'off';
  describe(`the native datapath with engine threads: ${threads}, clones ${clones}`, () => {
    const sandboxed = process.env.WEIR_TEST_SANDBOX === '1';
    const silent = { address: '192.0.2.1', port: 9 };

    before(function () {
      // The kernel would say why not, and that is a failed test here.
      if (cloning && process.getuid?.() !== 0) this.skip();
      // Routed to loopback but nobody's address: the kernel drops what goes there, and says nothing.
      if (sandboxed) execFileSync('ip', ['route', 'add', '192.0.2.0/24', 'dev', 'lo']);
    });
    after(() => {
      if (sandboxed) execFileSync('ip', ['route', 'delete', '192.0.2.0/24', 'dev', 'lo']);
    });

    const open = async () => {
      const datapath = openDatapath({ log, realtime: false, threads, cloning });
      if (cloning) await datapath.cloneAt(loopback);
      // Feeds go to the thread with the least to do: not to the first one, where pairs and connections are made.
      if (threads > 1) await datapath.createFeed({ tracks: [track], ringBytes: 1 << 20, ringMs: 1000 });
      return loopbackWorld(datapath, sandboxed ? silent : undefined);
    };
    datapathContract(open);
    mediaContract(open);
  });
}
