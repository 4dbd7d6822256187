import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { insideSandbox } from '../../src/demo/world/index.ts';
import type { Report } from '../bench/report.ts';

const script = fileURLToPath(new URL('../bench/main.ts', import.meta.url));

const bench = (...args: readonly string[]) => promisify(execFile)(process.execPath, [script, ...args]);

async function reportsOf(...args: readonly string[]): Promise<Record<string, Report>> {
  const { stdout } = await bench(...args, '--json');
  return JSON.parse(stdout);
}

describe('npm run bench', function () {
  this.timeout(120_000);
  before(function () {
    if (!insideSandbox()) this.skip(); // `npm test` runs these inside
  });

  const short = ['--threads', '1', '--seconds', '1', '--rounds', '2'] as const;
  for (const transport of ['udp', 'tcp']) {
    it(`measures fan-out by ${transport} beside the C loops and leaves the goals of 100 viewers alone`, async () => {
      const { fanout } = await reportsOf(
        ...['fanout', '--transport', transport, '--viewers', '2', '--offload', 'off', ...short],
      );
      assert.equal(fanout?.figures.length, 1);
      const [row] = fanout.figures as [Record<string, { median: number; min: number; max: number }>];
      const single = transport === 'udp' ? ['singleNs', 'engineToSingle'] : [];
      const perGbit = ['enginePercentPerGbit', 'processPercentPerGbit'];
      for (const figure of ['engineNs', 'processNs', 'batchedNs', 'engineToBatched', ...single, ...perGbit]) {
        const { median = 0, min = 0, max = 0 } = row[figure] ?? {};
        assert.ok(
          0 < min && min <= median && median <= max && max < 1e6,
          `${figure} ${min} ${median} ${max}`,
        );
      }
      assert.deepEqual(fanout.goals, []);
    });
  }

  it('measures many viewers by TCP of whom most throw away what they read', async () => {
    const { fanout } = await reportsOf(
      'fanout',
      '--transport',
      'tcp',
      '--viewers',
      '110',
      '--rate',
      '1',
      ...short,
    );
    assert.ok(fanout);
    const [row] = fanout.figures as [{ viewers: number; saturated: { weir: boolean } }];
    assert.deepEqual([row.viewers, row.saturated.weir], [110, false]);
  });

  it('measures other RTSP servers and the source in the place of Weir', async () => {
    const { peers } = await reportsOf(
      ...['peers', '--transport', 'tcp', '--viewers', '2', '--seconds', '1', '--rounds', '1'],
    );
    assert.ok(peers);
    const rows = peers.figures as readonly {
      name: string;
      lostPercent: { median: number };
      startFrameMs?: { p50: number };
    }[];
    assert.deepEqual(
      rows.map(({ name }) => name.split(',', 1)[0]),
      ['Weir', 'GStreamer', 'GStreamer', 'the source itself'],
    );
    for (const { name, lostPercent, startFrameMs } of rows) {
      assert.equal(lostPercent.median, 0, name);
      assert.ok(startFrameMs && startFrameMs.p50 > 0, name);
    }
    assert.equal(peers.goals.length, 1);
  });

  it('times joins, on the NIC by a capture and in the hands of the load generator, with a small and a large start picture', async () => {
    const { join } = await reportsOf('join', '--joins', '3');
    const times = (join?.figures ?? []) as readonly Record<string, number>[];
    assert.equal(times.length, 6);
    for (const { firstPacketMs = 0, firstFrameMs = 0, firstFrameReadMs = 0, onNicMs = 0 } of times) {
      assert.ok(0 < firstPacketMs && firstPacketMs <= firstFrameMs && firstFrameMs <= firstFrameReadMs);
      // The capture and the receiver's kernel saw the same packet.
      assert.ok(Math.abs(onNicMs - firstFrameMs) < 5, `${onNicMs} ${firstFrameMs}`);
    }
    const packets = times.map(({ framePackets = 0 }) => framePackets);
    assert.ok(
      packets.slice(0, 3).every((count) => count > 20 && count <= 64),
      `${packets}`,
    );
    assert.ok(
      packets.slice(3).every((count) => count > 100 && count < 200),
      `${packets}`,
    );
    assert.equal(join?.goals.length, 4);
  });

  it('measures latency past Weir and through it, and makes JavaScript really busy meanwhile', async () => {
    const { latency } = await reportsOf('latency', '--viewers', '2', '--seconds', '1', '--rounds', '1');
    const rows = latency?.figures as readonly {
      viewers: string;
      directMs: { median: number };
      relayedMs: { median: number };
    }[];
    // Three percentiles, idle and busy, at the NIC and at the viewers; once more where the viewers' host has a processor of its own.
    for (const who of ['nic', 'receive'])
      assert.equal(rows.filter(({ viewers }) => viewers === who).length, 6);
    assert.equal(
      rows.filter(({ viewers }) => viewers === 'steered').length,
      availableParallelism() > 1 ? 6 : 0,
    );
    assert.equal(rows.filter(({ viewers }) => viewers === 'sampled').length, 0);
    // Which one is less is what a longer run on a machine without other work shows.
    for (const { directMs, relayedMs } of rows) assert.ok(directMs.median > 0 && relayedMs.median > 0);
    const [, collections = '0', transactions = '0'] =
      /busy: (\d+).* made (\d+)/.exec(latency?.notes.join() ?? '') ?? [];
    assert.ok(Number(collections) >= 10 && Number(transactions) >= 10, `${latency?.notes}`);
  });

  it('lets viewers be slow, and sees them fall behind', async () => {
    const { slow } = await reportsOf('slow', '--viewers', '4', '--seconds', '1', '--rounds', '1');
    assert.equal(slow?.figures.length, 4);
    const [, skips = '0'] = /start point, (\d+) times/.exec(slow?.notes.join() ?? '') ?? [];
    assert.ok(Number(skips) > 0, `${slow?.notes}`);
  });

  it('kills a source beneath viewers of both transports and times its return', async () => {
    const { outage } = await reportsOf('outage', '--viewers', '4');
    assert.ok(outage);
    const [{ awayMs, recoveryMs }] = outage.figures as [{ awayMs: number; recoveryMs: readonly number[] }];
    assert.ok(awayMs >= 10_000);
    assert.equal(recoveryMs.length, 8);
    // It is never back before it has been tried again.
    assert.ok(
      recoveryMs.every((ms) => ms > 0),
      `${recoveryMs}`,
    );
  });

  for (const args of [
    ['nothing'],
    ['fanout', '--viewers', '1,x'],
    ['--rounds', '0'],
    ['--offload', 'maybe'],
    ['--transport', 'sctp'],
    ['fanout', '--threads', '0'],
    ['--x'],
  ]) {
    it(`says how it is used when it is asked for ${args.join(' ')}`, async () => {
      await assert.rejects(bench(...args), (error: { code: number; stderr: string }) => {
        assert.equal(error.code, 2);
        assert.match(error.stderr, /usage: npm run bench/);
        return true;
      });
    });
  }
});
