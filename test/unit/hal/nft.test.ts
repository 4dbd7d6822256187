import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isWeirError, type WeirError } from '#base';
import { isNoSuchObject, Nft } from '../../../hal/linux/nft.ts';

describe('nft', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-test-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  /** A program in the place of nft. */
  const script = async (body: string): Promise<Nft> => {
    const program = join(folder, 'nft');
    await writeFile(program, `#!/bin/sh\n${body}\n`);
    await chmod(program, 0o755);
    return new Nft({ program });
  };
  const failure = async (nft: Nft): Promise<WeirError> =>
    await nft.apply([]).then(
      () => assert.fail('should reject'),
      (error: unknown) => (isWeirError(error) ? error : assert.fail(String(error))),
    );

  it('says which package is missing when it is not installed', async () => {
    const error = await failure(new Nft({ program: join(folder, 'nothing') }));
    assert.equal(error.code, 'MISSING_PROGRAM');
    assert.match(error.advice ?? '', /nftables/);
  });

  it("fails with nft's own words", async () => {
    const error = await failure(
      await script('echo "Error: Could not process rule: Invalid argument" >&2; exit 1'),
    );
    assert.equal(error.code, 'INTERCEPTION_FAILED');
    assert.match(String(error.fields.nft), /Could not process rule: Invalid argument/);
  });

  it('says when it is the rights that are missing', async () => {
    const error = await failure(
      await script('echo "Error: Could not process rule: Operation not permitted" >&2; exit 1'),
    );
    assert.equal(error.code, 'MISSING_RIGHTS');
    assert.match(error.advice ?? '', /CAP_NET_ADMIN/);
  });

  it('tells a table that is gone from other failures', async () => {
    const gone = await failure(await script('echo "Error: No such file or directory" >&2; exit 1'));
    assert.ok(isNoSuchObject(gone));
    assert.ok(!isNoSuchObject(await failure(await script('echo "Error: syntax error" >&2; exit 1'))));
  });

  it('gets its batch as an argument', async () => {
    const seen = join(folder, 'seen');
    const nft = await script(`printf '%s\\n' "$@" > ${seen}`);
    await nft.apply([{ flush: 'x' }]);
    assert.deepEqual((await readFile(seen, 'utf8')).trim().split('\n'), [
      '-j',
      JSON.stringify({ nftables: [{ flush: 'x' }] }),
    ]);
  });

  for (const [bytes, way] of [
    [128 * 1024 - 1, 'an argument, when it is as long as one may be (execve(2))'],
    [128 * 1024, 'a file that only the owner can read, when it is longer, and which is gone afterwards'],
  ] as const) {
    it(`gets its batch in ${way}`, async () => {
      const seen = join(folder, 'seen');
      const copy = join(folder, 'copy');
      const nft = await script(`for last; do :; done
if [ "$2" = -f ]; then stat -c '%a' "$last" "$(dirname "$last")" > ${seen}; echo "$last" >> ${seen}; cat "$last" > ${copy}
else printf '%s' "$last" > ${copy}; fi`);
      const filler = bytes - JSON.stringify({ nftables: [{ flush: '' }] }).length;
      const commands = [{ flush: 'x'.repeat(filler) }];
      await nft.apply(commands);
      assert.equal(await readFile(copy, 'utf8'), JSON.stringify({ nftables: commands }));
      if (bytes < 128 * 1024) {
        await assert.rejects(readFile(seen), { code: 'ENOENT' });
        return;
      }
      const [fileMode, folderMode, file] = (await readFile(seen, 'utf8')).split('\n');
      assert.deepEqual([fileMode, folderMode], ['600', '700']);
      await assert.rejects(readFile(file ?? ''), { code: 'ENOENT' });
    });
  }

  it('asks the kernel first when told to, and applies nothing that it would refuse', async () => {
    const seen = join(folder, 'seen');
    const nft = await script(`echo "$2" >> ${seen}; [ "$2" != -c ] || exit 1`);
    await assert.rejects(nft.apply([], { check: true }));
    assert.equal(await readFile(seen, 'utf8'), '-c\n');
  });

  it('runs one child at a time, in the order of the calls, also after a failure', async () => {
    const seen = join(folder, 'seen');
    const nft = await script(`for batch; do :; done
name=$(printf '%s' "$batch" | tr -dc 0-9); echo "begin $name" >> ${seen}; sleep 0.0$((3 - name)); echo "end $name" >> ${seen}
[ "$name" != 0 ]`);
    const done = await Promise.allSettled([0, 1, 2].map((number) => nft.apply([{ number }])));
    assert.deepEqual(
      done.map(({ status }) => status),
      ['rejected', 'fulfilled', 'fulfilled'],
    );
    const order = [0, 1, 2].flatMap((number) => [`begin ${number}`, `end ${number}`]);
    assert.deepEqual((await readFile(seen, 'utf8')).trim().split('\n'), order);
  });
});
