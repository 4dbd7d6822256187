import assert from 'node:assert/strict';
import { SimProbes } from '../../../hal/sim/probes.ts';
import { ping, traceroute } from '../../../src/operations/index.ts';

const answered = [
  'PING 192.0.2.1 (192.0.2.1) 56(84) bytes of data.',
  '64 bytes from 192.0.2.1: icmp_seq=1 ttl=64 time=0.045 ms',
  '',
  '--- 192.0.2.1 ping statistics ---',
  '3 packets transmitted, 2 received, 33.3333% packet loss, time 2030ms',
  'rtt min/avg/max/mdev = 0.031/0.042/0.055/0.009 ms',
];

describe('ping and traceroute', () => {
  const probes = new SimProbes();

  it('tell how many came back and how long it took', async () => {
    probes.answer('192.0.2.1', answered);
    const lines: string[] = [];
    const result = await ping(probes, { target: '192.0.2.1', count: 3, onLine: (line) => lines.push(line) });
    assert.deepEqual([result.transmitted, result.received], [3, 2]);
    assert.deepEqual(result.rttMs, { min: 0.031, average: 0.042, max: 0.055 });
    assert.deepEqual(lines, answered);
  });

  it('understand the ping of busybox, which a flashed gateway has', async () => {
    probes.answer('192.0.2.3', [
      '2 packets transmitted, 2 packets received, 0% packet loss',
      'round-trip min/avg/max = 0.050/0.068/0.086 ms',
    ]);
    const { transmitted, received, rttMs } = await ping(probes, { target: '192.0.2.3' });
    assert.deepEqual([transmitted, received, rttMs], [2, 2, { min: 0.05, average: 0.068, max: 0.086 }]);
  });

  it('tell of a target nobody knows without failing', async () => {
    probes.answer('nobody.example', ['ping: nobody.example: Name or service not known'], 2);
    const result = await ping(probes, { target: 'nobody.example' });
    assert.deepEqual([result.transmitted, result.received, result.rttMs], [0, 0, null]);
    assert.deepEqual(result.lines, ['ping: nobody.example: Name or service not known']);
  });

  it('are not asked for what could be an option, a path or a command', async () => {
    const asked = probes.asked.length;
    for (const target of [
      '',
      '-f',
      '--help',
      'a b',
      '$(reboot)',
      '../x',
      'a;b',
      'x'.repeat(300),
      'a\n-f',
      'é',
    ]) {
      await assert.rejects(ping(probes, { target }), { code: 'USAGE' }, target);
      await assert.rejects(traceroute(probes, { target }), { code: 'USAGE' }, target);
    }
    assert.equal(probes.asked.length, asked);
  });

  it('are not asked to run for ever', async () => {
    for (const count of [0, 101, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      await assert.rejects(ping(probes, { target: '192.0.2.1', count }), { code: 'USAGE' });
      await assert.rejects(traceroute(probes, { target: '192.0.2.1', maxHops: count }), { code: 'USAGE' });
    }
    await assert.rejects(ping(probes, { target: '192.0.2.1', sizeBytes: 65_000 }), { code: 'USAGE' });
  });
});
