import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { openReader } from '#storage';
import { Folder, until } from '../../unit/storage/box.ts';
import { stallingSync } from './stalling-sync.ts';
import { StoreChild } from './store-child.ts';

describe('a disk that does not answer', () => {
  it('holds up what waits for it, and nothing else of the process', async function () {
    this.timeout(60_000);
    using tools = new Folder();
    using folder = new Folder();
    const gate = tools.file('gate');
    await using child = await StoreChild.start(folder.path, {
      env: { ...stallingSync(tools.path), WEIR_STALL: gate },
    });
    writeFileSync(gate, '');
    child.say('start one');
    await until('the commit waits for the disk', () => existsSync(`${gate}.held`));
    for (let number = 1; number <= 100; number += 1) {
      child.say(`ping ${number}`);
      await child.told((line) => line === `pong ${number}`);
    }
    assert.ok(!child.lines.includes('started one'), 'told before it was on the disk');
    // Nor does it hold up who reads beside.
    {
      await using reader = await openReader(folder.path);
      assert.equal(await reader.ledger.head(), undefined);
    }
    rmSync(gate);
    await child.told((line) => line === 'started one');
  });
});
