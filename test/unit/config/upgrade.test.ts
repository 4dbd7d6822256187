import assert from 'node:assert/strict';
import { Candidate, parseConfig } from '../../../src/config/index.ts';

const interfaces = { wan: { device: 'wan0' }, access: { device: 'lan0' } };

describe('a configuration of before lists had keys', () => {
  it('has the places of a subscriber together, and the port of an origin with its address', () => {
    const { billing, relay } = parseConfig({
      interfaces,
      billing: {
        subscribers: [
          { id: 'a', prefix: '10.1.0.0/16' },
          { id: 'b', mac: '02:00:5e:10:00:01' },
          { id: 'a', prefix: '10.2.0.0/16' },
        ],
      },
      relay: {
        origins: [
          { address: '192.0.2.9', port: 8554 },
          { address: '2001:db8::9', port: 554 },
        ],
      },
    });
    assert.deepEqual(billing.subscribers, [
      { id: 'a', prefixes: ['10.1.0.0/16', '10.2.0.0/16'], macs: [] },
      { id: 'b', prefixes: [], macs: ['02:00:5e:10:00:01'] },
    ]);
    assert.deepEqual(relay.origins, [{ address: '192.0.2.9:8554' }, { address: '[2001:db8::9]:554' }]);
  });

  it('keeps what is wrong with it, to be complained of', () => {
    const wrong = {
      interfaces,
      billing: { subscribers: [{ id: 'a', prefix: 7 }, 'x', { prefix: '10.0.0.0/8' }] },
    };
    assert.throws(() => parseConfig(wrong), /prefixes\[0\]: 7 must be.*subscribers\[1\]: must be an object/);
    assert.throws(() => parseConfig(wrong), /subscribers\[2\]\.id: is missing/);
  });

  it('is brought to the form of today when it is loaded to be edited', () => {
    const candidate = new Candidate({ tree: {} });
    candidate.override({ relay: { origins: [{ address: '192.0.2.9', port: 8554 }] } });
    assert.deepEqual(candidate.tree(), { relay: { origins: [{ address: '192.0.2.9:8554' }] } });
  });
});
