import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, silentLog } from '#base';
import { LinuxResolver } from '../../../hal/linux/resolver.ts';

describe('the name servers of this machine', () => {
  let folder: string;
  let file: string;
  let resolver: LinuxResolver;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-resolver-'));
    file = join(folder, 'weir', 'resolv.conf');
    resolver = new LinuxResolver({ file, log: silentLog });
  });
  afterEach(() => rm(folder, { recursive: true }));
  const written = () => readFile(file, 'utf8');

  it('are those of the configuration, then those that DHCP brought, each once', async () => {
    await resolver.lend(['192.0.2.53', '198.51.100.53']);
    assert.equal(await written(), 'nameserver 192.0.2.53\nnameserver 198.51.100.53\n');
    const takeBack = await resolver.apply(['2001:db8::53', '198.51.100.53']);
    assert.equal(
      await written(),
      'nameserver 2001:db8::53\nnameserver 198.51.100.53\nnameserver 192.0.2.53\n',
    );
    assert.deepEqual(resolver.nameServers, ['2001:db8::53', '198.51.100.53', '192.0.2.53']);
    await resolver.lend([]);
    assert.equal(await written(), 'nameserver 2001:db8::53\nnameserver 198.51.100.53\n');
    await takeBack();
    assert.equal(await written(), '');
  });

  it('are in a file that everybody may read, whatever the umask', async () => {
    const before = process.umask(0o077);
    try {
      await resolver.apply(['192.0.2.53']);
    } finally {
      process.umask(before);
    }
    assert.equal((await stat(file)).mode & 0o777, 0o644);
  });

  it('are not written again where the file says the same, nor a file for none', async () => {
    await resolver.apply([]);
    await assert.rejects(stat(file), { code: 'ENOENT' });
    await resolver.apply(['192.0.2.53']);
    await utimes(file, 1, 1);
    await new LinuxResolver({ file, log: silentLog }).apply(['192.0.2.53']);
    assert.equal((await stat(file)).mtimeMs, 1000);
  });

  it('stay as they were when they cannot be written', async () => {
    await mkdir(join(file, 'in the way'), { recursive: true });
    await chmod(folder, 0o700);
    await assert.rejects(resolver.apply(['192.0.2.53']));
    assert.deepEqual(resolver.nameServers, []);
  });

  it('are said not to be used where /etc/resolv.conf leads elsewhere', async () => {
    let logged = '';
    const write = (line: string) => {
      logged += line;
    };
    const log = createLog({ write, level: () => 'warn', nowMs: () => 0 });
    const other = new LinuxResolver({ file, log });
    await other.apply([]);
    assert.equal(logged, '');
    await other.apply(['192.0.2.53']);
    assert.match(logged, /name servers are not used.*\/etc\/resolv\.conf does not lead to/);
  });
});
