import assert from 'node:assert/strict';
import { clearViewer, ViewerRates, type ViewerStatus } from '../../../src/operations/index.ts';

const viewer = (sessionId: string, txBytes: bigint, txPackets: bigint) =>
  ({ sessionId, txBytes: String(txBytes), txPackets: String(txPackets) }) as ViewerStatus;

describe('viewers on the console', () => {
  it('are ended by their session id, and nobody else is', async () => {
    const killed: string[] = [];
    const monitor = {
      kill: async (id: string) => {
        killed.push(id);
        return id === 'known';
      },
    };
    assert.deepEqual(await clearViewer(monitor, 'known'), { sessionId: 'known' });
    await assert.rejects(clearViewer(monitor, 'other'), { code: 'NO_SUCH_SESSION' });
    assert.deepEqual(killed, ['known', 'other']);
  });

  it('have a rate from the second look on, also beyond 2^53 bytes', () => {
    const rates = new ViewerRates();
    const first = rates.sample({ viewers: [viewer('a', 2n ** 60n, 10n)] }, 0n);
    assert.deepEqual([first[0]?.bitsPerSecond, first[0]?.packetsPerSecond], [null, null]);
    const viewers = [viewer('a', 2n ** 60n + 250_000n, 110n), viewer('b', 5n, 1n)];
    const second = rates.sample({ viewers }, 2_000_000_000n);
    assert.deepEqual([second[0]?.bitsPerSecond, second[0]?.packetsPerSecond], [1_000_000, 50]);
    assert.equal(second[1]?.bitsPerSecond, null);
  });

  it('that have gone are forgotten', () => {
    const rates = new ViewerRates();
    rates.sample({ viewers: [viewer('a', 1n, 1n)] }, 0n);
    rates.sample({ viewers: [] }, 1n);
    assert.equal(rates.sample({ viewers: [viewer('a', 9n, 9n)] }, 2n)[0]?.bitsPerSecond, null);
  });
});
