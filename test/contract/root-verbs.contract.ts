import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import type { RootVerbs } from '#hal';

export interface RootVerbsWorld extends AsyncDisposable {
  /**
   * `update` says its words back, a line each, and with the word `break` fails for the reason `broken`; there is no `reboot`.
   */
  readonly rootVerbs: RootVerbs;
}

/** What every implementation of `RootVerbs` keeps. */
export function rootVerbsContract(makeWorld: () => Promise<RootVerbsWorld>): void {
  it('knows which verbs the machine has', async () => {
    await using world = await makeWorld();
    assert.deepEqual([world.rootVerbs.has('update'), world.rootVerbs.has('reboot')], [true, false]);
  });

  it('hands words over as they are, and what is said meanwhile a line at a time', async () => {
    await using world = await makeWorld();
    const lines: string[] = [];
    const words = ['install', '/data/two words.raucb', '"$(reboot)"', 'ä'];
    const said = await world.rootVerbs.run('update', words, { onLine: (line) => lines.push(line) });
    assert.deepEqual(said, words);
    assert.deepEqual(lines, words);
  });

  it('says why a verb failed', async () => {
    await using world = await makeWorld();
    await assert.rejects(world.rootVerbs.run('update', ['break']), (error) => {
      assert.ok(isWeirError(error, 'VERB_FAILED'));
      assert.deepEqual(error.fields, { verb: 'update', reason: 'broken' });
      assert.equal(error.message, 'it is broken: all of it');
      return true;
    });
  });

  it('refuses a verb that the machine does not have, and words that would be taken for others', async () => {
    await using world = await makeWorld();
    await assert.rejects(world.rootVerbs.run('reboot', []), (error) => isWeirError(error, 'NOT_AVAILABLE'));
    for (const word of ['a\nb', 'a\tb', 'a\0']) {
      await assert.rejects(world.rootVerbs.run('update', [word]), (error) => isWeirError(error, 'USAGE'));
    }
  });

  it('stops waiting when it is told to', async () => {
    await using world = await makeWorld();
    const signal = AbortSignal.abort();
    await assert.rejects(world.rootVerbs.run('update', ['install'], { signal }), { name: 'AbortError' });
  });
}
