import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { release } from 'node:os';
import { join } from 'node:path';
import { describeReal } from './describe-real.ts';
import { ip, NetworkWorld } from './network-world.ts';
import { nft, nftRuleset } from './nft-program.ts';

/** What makes the import of this package fail, as when its addon is not compiled. */
const without = (name: string): string =>
  `--import=data:text/javascript,${encodeURIComponent(
    `import { registerHooks } from 'node:module';
     registerHooks({ resolve: (specifier, context, next) => {
       if (specifier === '${name}') throw new Error('not built');
       return next(specifier, context);
     } });`,
  )}`;

describeReal('the HAL of Linux', import.meta.filename, () => {
  let world: NetworkWorld;
  beforeEach(async () => {
    world = await NetworkWorld.make();
  });
  afterEach(async () => {
    nft('flush ruleset');
    await world[Symbol.asyncDispose]();
  });

  /** The lines a process writes that opens the HAL twice. It must end by itself. */
  const run = (options: { before?: readonly string[]; node?: readonly string[] } = {}): readonly string[] => {
    const script = join(import.meta.dirname, 'linux-hal-process.ts');
    const [program = '', ...args] = [
      ...(options.before ?? []),
      process.execPath,
      ...(options.node ?? []),
      script,
    ];
    const { stdout, stderr, status } = spawnSync(program, args, { encoding: 'utf8', timeout: 20_000 });
    assert.equal(status, 0, stderr);
    return stdout.trim().split('\n');
  };

  it('opens, works, closes and opens again, and then keeps no process alive', () => {
    const works = `1400 ${release().split('.')[0]}`;
    assert.deepEqual(run(), [works, works]);
    assert.doesNotMatch(nftRuleset(), /weir/);
    assert.doesNotMatch(ip('rule'), /554/);
  });

  it('says that the rights are missing, and changes nothing without them', () => {
    const before = ip('addr');
    const lines = run({ before: ['unshare', '--user'] });
    for (const line of lines) assert.match(line, /^MISSING_RIGHTS: .*-> run as root, or with CAP_NET_ADMIN$/);
    assert.equal(ip('addr'), before);
  });

  it('says how to build the addons of node-netlink when they are not', () => {
    for (const name of ['node-netlink', 'syscall-napi']) {
      const lines = run({ node: [without(name)] });
      for (const line of lines) assert.match(line, /^DATAPATH_NOT_BUILT: .*-> run: npm run prestart$/);
    }
  });
});
