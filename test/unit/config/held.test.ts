import assert from 'node:assert/strict';
import { Candidate, compareTrees, holdBack, parseConfig, type RawBranch } from '../../../src/config/index.ts';
import { leavesOf, otherValue, richTree, valueAt } from './leaves.ts';

const interfaces = { wan: { device: 'wan0' }, access: { device: 'lan0' } };

describe('what is held back until a restart', () => {
  it('is each value that is not live, and no other', () => {
    const running = parseConfig(richTree);
    let held = 0;
    for (const { path, schema, live } of leavesOf()) {
      const candidate = new Candidate({ tree: richTree });
      const value = otherValue(schema, candidate.get(path));
      candidate.delete(path);
      candidate.set([], [...path, value]);
      const next = parseConfig(candidate.tree());
      const result = holdBack(running, next);
      const words = path.join(' ');
      if (live) {
        assert.deepEqual(result, { config: next, held: [] }, words);
      } else {
        held += 1;
        assert.deepEqual(result.held, [path], words);
        assert.deepEqual(valueAt(result.config, path), valueAt(running, path), words);
      }
    }
    assert.ok(held > 5);
  });

  it('stays held back by commits that follow, and what follows is in force', () => {
    const running = parseConfig({ interfaces });
    const one = holdBack(running, parseConfig({ interfaces, relay: { engineThreads: 3 } })).config;
    const relay = { engineThreads: 3, ringSeconds: 9 };
    const two = holdBack(one, parseConfig({ interfaces, relay }));
    assert.deepEqual(two.held, [['relay', 'engineThreads']]);
    assert.deepEqual([two.config.relay.engineThreads, two.config.relay.ringSeconds], [0, 9]);
    assert.ok(Object.isFrozen(two.config.relay));
  });

  it('is nothing when it is set to what is in force', () => {
    const running = parseConfig({ interfaces });
    const next = parseConfig({ interfaces, relay: { engineThreads: 0 }, system: { realtime: true } });
    assert.deepEqual(holdBack(running, next).held, []);
  });
});

describe('a difference of one value', () => {
  it('is one change, at every leaf of the schema', () => {
    for (const { path, schema } of leavesOf()) {
      const candidate = new Candidate({ tree: richTree });
      const value = otherValue(schema, candidate.get(path));
      candidate.delete(path);
      candidate.set([], [...path, value]);
      const changes = compareTrees(richTree as RawBranch, candidate.tree());
      const leaf = path.join(' ');
      const isAlong = (change: readonly string[]) =>
        `${change.join(' ')} `.startsWith(`${leaf} `) || `${leaf} `.startsWith(`${change.join(' ')} `);
      assert.ok(changes.length > 0 && changes.every((change) => isAlong(change.path)), leaf);
    }
  });
});
