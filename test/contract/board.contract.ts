import assert from 'node:assert/strict';
import type { Board } from '#hal';

/** What every implementation of `Board` keeps. */
export function boardContract(makeBoard: () => Board): void {
  it('knows its processor cores, its memory and its kernel', async () => {
    const facts = await makeBoard().facts();
    assert.ok(Number.isInteger(facts.cores) && facts.cores > 0);
    assert.ok(facts.memoryBytes > 0n);
    assert.match(facts.kernel, /^\d+\.\d+/);
  });

  it('leaves out what it does not know, instead of the placeholders of board makers', async () => {
    const { manufacturer, model, serialNumber, cpu, os } = await makeBoard().facts();
    for (const fact of [manufacturer, model, serialNumber, cpu, os]) {
      assert.ok(
        fact === undefined || !/^(\s*|-|unknown|default string|.*o\.e\.m\.)$/i.test(fact),
        String(fact),
      );
    }
  });

  it('names the boot it is in: the same each time it is asked (a UUID of RFC 9562)', async () => {
    const board = makeBoard();
    const bootId = await board.bootId();
    assert.match(bootId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.equal(await board.bootId(), bootId);
  });

  it('finds its facts out once', async () => {
    const board = makeBoard();
    assert.deepEqual(await board.facts(), await board.facts());
  });

  it('tells its load, memory in bytes and temperature in thousandths of a degree', async () => {
    const board = makeBoard();
    const load = await board.load();
    assert.ok(load.uptimeSeconds > 0);
    assert.ok(load.load1 >= 0);
    assert.ok(
      load.memoryAvailableBytes > 0n && load.memoryAvailableBytes <= (await board.facts()).memoryBytes,
    );
    if (load.temperatureMilliC !== undefined) assert.ok(load.temperatureMilliC > 1_000);
  });
}
