import assert from 'node:assert/strict';
import { nextViewerState, viewerEvents, viewerStates, viewerStateTable } from '../../../src/session/index.ts';

describe('viewer states (RFC 2326 App. A.2)', () => {
  const allowed = new Map([
    ['init setup', 'ready'],
    ['init teardown', 'closed'],
    ['ready setup', 'ready'],
    ['ready play', 'playing'],
    ['ready pause', 'ready'],
    ['ready teardown', 'closed'],
    ['playing play', 'playing'],
    ['playing pause', 'ready'],
    ['playing teardown', 'closed'],
  ]);

  for (const state of viewerStates) {
    for (const event of viewerEvents) {
      const next = allowed.get(`${state} ${event}`);
      it(`${event} in ${state} ${next ? `leads to ${next}` : 'is not allowed'}`, () => {
        assert.equal(nextViewerState(state, event), next);
      });
    }
  }

  it('has a cell for every state and event', () => {
    assert.deepEqual(Object.keys(viewerStateTable), [...viewerStates]);
    for (const row of Object.values(viewerStateTable)) assert.deepEqual(Object.keys(row), [...viewerEvents]);
  });
});
