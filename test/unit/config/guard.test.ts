import assert from 'node:assert/strict';
import type { CommitOptions, Way } from '../../../src/config/index.ts';
import { nextChange, useBench } from './bench.ts';
import { consolePort, named } from './box-folder.ts';
import { passwordHash } from './leaves.ts';

const otherHash = passwordHash.replace(/.$/, (last) => (last === 'A' ? 'E' : 'A'));
const ann = `system users ann class administrator passwordHash ${passwordHash}`;
const bob = `system users bob class administrator passwordHash ${passwordHash}`;
const atCable: Way = { over: 'serial line', account: undefined };
const asAnn: Way = { over: 'serial line', account: 'ann' };
const onBox: Way = { over: 'control socket', address: undefined };
const bySsh: Way = { over: 'control socket', address: '192.0.2.1' };

describe('a plain commit that may lock somebody out', () => {
  const bench = useBench();
  const { open, inForce, nameOnDisk } = bench;

  /** Begins with these lines, then commits these as somebody. */
  const begin = (...lines: string[]) =>
    bench.configurations.commit(named(bench.configurations, 'first', ...lines), { who: 'setup' });
  const change = (way: Way | undefined, lines: readonly string[], options: Partial<CommitOptions> = {}) => {
    const candidate = named(bench.configurations, 'second', ...lines.filter((line) => !line.startsWith('-')));
    for (const line of lines) if (line.startsWith('-')) candidate.delete(line.slice(1).split(' '));
    const committer = { who: 'ann', ...(way && { way }) };
    const { guard } = bench.configurations.check(candidate, committer);
    return { guard, outcome: bench.configurations.commit(candidate, { ...committer, ...options }) };
  };

  const guarded: readonly [
    what: string,
    begun: readonly string[],
    way: Way | undefined,
    lines: readonly string[],
    reason: RegExp,
  ][] = [
    [
      'names another serial port',
      [],
      onBox,
      ['console port /dev/ttyS1'],
      /^the console moves from \/dev\/ttyS0 to \/dev\/ttyS1, at 115200 bit\/s$/,
    ],
    [
      'names another speed, whoever commits it',
      [],
      undefined,
      ['console baud 9600'],
      /^the console at \/dev\/ttyS0 changes from 115200 to 9600 bit\/s$/,
    ],
    [
      'goes back to the port of the board from another one',
      ['console port /dev/ttyS1'],
      onBox,
      ['-console port'],
      /from \/dev\/ttyS1 to \/dev\/ttyS0/,
    ],
    ['removes who commits it', [ann, bob], asAnn, ['-system users ann'], /^ann is no user any more$/],
    [
      'makes who commits it less',
      [ann, bob],
      asAnn,
      ['system users ann class operator'],
      /^ann is no administrator any more$/,
    ],
    [
      'gives who commits it another password',
      [ann, bob],
      asAnn,
      [`system users ann passwordHash ${otherHash}`],
      /^ann has another password$/,
    ],
    ['brings the first users', [], atCable, [ann], /^the console asks for a user and a password/],
    [
      'changes interfaces, of who has come over the network',
      [],
      bySsh,
      ['interfaces wan mtu 1400'],
      /^the interfaces change, and you have come over the network, to 192\.0\.2\.1$/,
    ],
  ];
  for (const [what, begun, way, lines, reason] of guarded) {
    it(`as it ${what}, has to be confirmed, and says so before and when it is committed`, async () => {
      if (begun.some((line) => line.startsWith('console'))) {
        await begin();
        await bench.configurations.commit(named(bench.configurations, 'first', ...begun), { who: 'setup' });
        await bench.configurations.confirm();
      } else await begin(...begun);
      const { guard, outcome } = change(way, lines);
      assert.match(guard?.reasons.join('\n') ?? '', reason);
      const { kind, minutes, guard: told } = await outcome;
      assert.deepEqual([kind, minutes, told], ['unconfirmed', 3, guard]);
      assert.deepEqual([inForce(), await nameOnDisk()], ['second', 'first']);
      const reverted = nextChange(bench.configurations);
      await bench.clock.pass(180_000, 180_000);
      await reverted;
      assert.equal(inForce(), 'first');
    });
  }

  const unguarded: readonly [what: string, begun: readonly string[], way: Way, lines: readonly string[]][] = [
    ['names the port where the console is', [], onBox, [`console port ${consolePort}`]],
    ['changes the speed that it has', [], onBox, ['console baud 115200']],
    ['changes somebody else', [ann, bob], asAnn, [`system users bob passwordHash ${otherHash}`]],
    ['makes the console ask nobody any more', [ann], asAnn, ['-system users ann']],
    ['changes users, by who needs no password', [ann], onBox, [`system users ann passwordHash ${otherHash}`]],
    ['changes interfaces, by who is at the box', [ann], asAnn, ['interfaces wan mtu 1400']],
    ['changes interfaces, by who is on the box', [], onBox, ['interfaces wan mtu 1400']],
  ];
  for (const [what, begun, way, lines] of unguarded) {
    it(`does not when it only ${what}`, async () => {
      await begin(...begun);
      const { guard, outcome } = change(way, lines);
      assert.equal(guard, undefined);
      assert.equal((await outcome).kind, 'committed');
      assert.equal(await nameOnDisk(), 'second');
    });
  }

  it('goes back to nothing when it is the first one', async () => {
    const { outcome } = change(atCable, ['console baud 9600']);
    assert.equal((await outcome).kind, 'unconfirmed');
    const reverted = nextChange(bench.configurations);
    await bench.clock.pass(180_000, 180_000);
    await reverted;
    assert.equal(bench.configurations.config, undefined);
    await open();
    assert.equal(bench.configurations.config, undefined);
  });

  it('stays with the same again, and with `confirm`', async () => {
    await begin();
    await change(onBox, ['console baud 9600']).outcome;
    const { kind } = await bench.configurations.commit(bench.configurations.candidate(), { who: 'ann' });
    assert.equal(kind, 'confirmed');
    await open();
    assert.equal(bench.configurations.config?.console.baud, '9600');
  });

  it('waits on when more is committed, for the same again is what confirms it', async () => {
    await begin();
    await change(onBox, ['console baud 9600']).outcome;
    const more = bench.configurations.candidate();
    more.set([], ['system', 'logLevel', 'debug']);
    assert.equal((await bench.configurations.commit(more, { who: 'ann', way: onBox })).kind, 'unconfirmed');
    assert.equal(await nameOnDisk(), 'first');
  });

  it('waits as long as was asked for, or as long as the configuration before it says', async () => {
    await begin('console guardMinutes 7');
    const { outcome } = change(onBox, ['console baud 9600', 'console guardMinutes 0']);
    assert.equal((await outcome).minutes, 7);
    await bench.configurations.confirm();
    assert.equal((await change(onBox, ['console baud 19200']).outcome).kind, 'committed');
    assert.equal((await change(onBox, ['console baud 9600'], { confirmMinutes: 2 }).outcome).minutes, 2);
  });

  it('need not be confirmed when who commits was asked twice', async () => {
    const { outcome } = change(atCable, [ann], { unguarded: true });
    assert.equal((await outcome).kind, 'committed');
  });
});
