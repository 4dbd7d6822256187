import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootVerbs } from '#hal';

const units = join(import.meta.dirname, '..', '..', '..', 'image', 'units');
const libexec = join(units, '..', 'libexec');
const read = (name: string) => readFileSync(join(units, name), 'utf8');
const valuesOf = (unit: string, name: string) =>
  [...read(unit).matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value);

describe('the units of the image', () => {
  it('fence Weir in: systemd-analyze finds an exposure of 2.5 at most', () => {
    const { status, stdout, stderr } = spawnSync(
      'systemd-analyze',
      ['security', '--offline=yes', '--no-pager', '--threshold=25', join(units, 'weir.service')],
      { encoding: 'utf8' },
    );
    assert.equal(status, 0, stdout);
    assert.match(stdout, /Overall exposure level for weir.service: [0-2]\.\d/);
    assert.equal(stderr, '', 'a line that systemd does not understand');
  });

  it('give Weir five rights and not one more, and no way to others', () => {
    const rights = 'CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE CAP_SYS_NICE CAP_BPF';
    assert.deepEqual(valuesOf('weir.service', 'AmbientCapabilities'), [rights]);
    assert.deepEqual(valuesOf('weir.service', 'CapabilityBoundingSet'), [rights]);
    assert.deepEqual(valuesOf('weir.service', 'NoNewPrivileges'), ['yes']);
    assert.deepEqual(valuesOf('weir.service', 'User'), ['weir']);
  });

  it('let Weir load the program that clones media: its groups of system calls leave bpf(2) out', () => {
    assert.match(valuesOf('weir.service', 'SystemCallFilter').at(-1) ?? '', /^(?!~).*\bbpf\b/);
  });

  it('start Weir again for ever, by the whole path of Node, watched, with a pool of eight threads', () => {
    assert.deepEqual(valuesOf('weir.service', 'Restart'), ['always']);
    assert.deepEqual(valuesOf('weir.service', 'StartLimitIntervalSec'), ['0']);
    assert.deepEqual(valuesOf('weir.service', 'WatchdogSec'), ['20']);
    assert.match(valuesOf('weir.service', 'ExecStart')[0] ?? '', /^\/usr\/bin\/node \/usr\/lib\/weir\//);
    assert.ok(valuesOf('weir.service', 'Environment').includes('UV_THREADPOOL_SIZE=8'));
  });

  it('give up a new version only after all that a slow box that is healthy may need', () => {
    const minutes = (unit: string, name: string) => {
      const [value = ''] = valuesOf(unit, name);
      return Number(/^(\d+)min$/.exec(value)?.[1] ?? Number.NaN);
    };
    const start = minutes('weir.service', 'TimeoutStartSec');
    const deadline = minutes('weir-slot-deadline.timer', 'OnBootSec');
    // An emulated box was healthy 305 s after its kernel began, without anything to mend.
    const [machine, toShowIt] = [5, 3];
    assert.ok(deadline >= machine + start + toShowIt, `${deadline} min, of which a start may take ${start}`);
  });

  for (const verb of rootVerbs) {
    it(`let Weir, and nobody else, ask for ${verb}`, () => {
      const socket = `weir-${verb}.socket`;
      assert.deepEqual(valuesOf(socket, 'ListenStream'), [`/run/weir-verbs/${verb}`]);
      assert.deepEqual(valuesOf(socket, 'SocketUser'), ['weir']);
      assert.deepEqual(valuesOf(socket, 'SocketMode'), ['0600']);
      const service = `weir-${verb}@.service`;
      assert.deepEqual(valuesOf(service, 'StandardInput'), ['socket']);
      assert.deepEqual(valuesOf(service, 'NoNewPrivileges'), ['yes']);
    });
  }

  it('let Weir ask for nothing that is not on the list', () => {
    const sockets = readdirSync(units).filter((name) => name.endsWith('.socket'));
    assert.deepEqual(sockets.sort(), rootVerbs.map((verb) => `weir-${verb}.socket`).sort());
  });

  it('start only programs that the image has', () => {
    const programs = new Set([...readdirSync(libexec), 'slot-state', 'weir.mjs']);
    for (const unit of readdirSync(units).filter((name) => name.endsWith('.service'))) {
      for (const line of valuesOf(unit, 'ExecStart')) {
        for (const [, name] of line.matchAll(/\/usr\/lib\/weir\/(\S+)/g)) {
          assert.ok(programs.has(name ?? ''), `${unit}: ${name}`);
        }
      }
    }
  });
});
