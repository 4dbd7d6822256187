import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LinuxProbes } from '../../../hal/linux/probes.ts';

describe('the probes of Linux', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-test-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** Programs in the place of ping and traceroute. */
  const script = async (body: string): Promise<LinuxProbes> => {
    for (const name of ['ping', 'traceroute']) {
      await writeFile(join(folder, name), `#!/bin/sh\n${body}\n`);
      await chmod(join(folder, name), 0o755);
    }
    return new LinuxProbes({ path: `${folder}:/usr/bin:/bin` });
  };

  it('hand over a count, a deadline and the target behind the end of the options', async () => {
    const probes = await script('echo "$0 $@" | sed "s|.*/||"');
    const pinged = await probes.ping({ target: '192.0.2.1', count: 3, sizeBytes: 100, device: 'wan0' });
    assert.deepEqual(pinged.lines, ['ping -n -c 3 -w 8 -s 100 -I wan0 -- 192.0.2.1']);
    const traced = await probes.traceroute({ target: '2001:db8::1', maxHops: 4 });
    assert.deepEqual(traced.lines, ['traceroute -n -q 1 -w 2 -m 4 -- 2001:db8::1']);
  });

  it('tell both outputs and the exit status', async () => {
    const probes = await script('echo out; echo err >&2; exit 2');
    const { lines, status, cut } = await probes.ping({ target: 'x', count: 1 });
    assert.deepEqual([[...lines].sort(), status, cut], [['err', 'out'], 2, false]);
  });

  it('keep 1,000 lines of 500 characters, and end a program that writes without end', async () => {
    const probes = await script(`yes "$(printf 'x%.0s' $(seq 1 800))"`);
    const { lines, status, cut } = await probes.ping({ target: 'x', count: 1 });
    assert.deepEqual([status, cut], [null, true]);
    assert.ok(lines.length <= 1000);
    assert.equal(lines[0]?.length, 500);
  });

  it('end early when told to, with what was told by then', async () => {
    const probes = await script('echo first; exec sleep 100');
    const stop = new AbortController();
    const { lines, status } = await probes.ping({
      target: 'x',
      count: 1,
      signal: stop.signal,
      onLine: () => stop.abort(),
    });
    assert.deepEqual([lines, status], [['first'], null]);
    const before = await probes.ping({ target: 'x', count: 1, signal: AbortSignal.abort() });
    assert.equal(before.status, null);
  });

  it('say which package is missing', async () => {
    const probes = new LinuxProbes({ path: folder });
    await assert.rejects(probes.ping({ target: 'x', count: 1 }), {
      code: 'MISSING_PROGRAM',
      advice: 'apt-get install iputils-ping',
    });
    await assert.rejects(probes.traceroute({ target: 'x', maxHops: 1 }), { code: 'MISSING_PROGRAM' });
  });
});
