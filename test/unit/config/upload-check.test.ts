import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import { parseConfig } from '../../../src/config/index.ts';

const interfaces = { wan: { device: 'eth0' }, access: { device: 'eth1' } };

/** What the parser says is wrong with an `upload`; empty: nothing. */
function faultOf(upload: unknown): string {
  try {
    parseConfig({ interfaces, upload });
    return '';
  } catch (error) {
    assert.ok(isWeirError(error, 'CONFIG_BAD_VALUE'));
    return error.describe();
  }
}

const server = { host: '192.0.2.1', secret: 's3cret' };
const files = { caFile: 'ca.pem', certFile: 'box.pem', keyFile: 'box.key' };

describe('config: upload', () => {
  it('takes receivers of every kind', () => {
    const upload = {
      radius: [
        { name: 'isp', servers: [server, { host: 'backup.example', secret: 'x', port: 1646 }] },
        { name: 'tls', transport: 'tls', servers: [{ host: 'radsec.example' }], ...files },
      ],
      https: [{ name: 'isp', url: 'https://collector.example/usage', ...files }],
      mqtt: [{ name: 'isp', url: 'mqtts://broker.example:8883', username: 'box', password: 'x' }],
    };
    assert.equal(faultOf(upload), '');
  });

  for (const [what, upload, expected] of [
    [
      'a receiver without a name',
      { https: [{ url: 'https://x.example/' }] },
      /https\[0\]\.name: is missing: name of this collector/,
    ],
    [
      'two receivers of one name',
      { mqtt: [1, 2].map(() => ({ name: 'a', url: 'mqtt://b.example' })) },
      /mqtt\[1\]\.name: "a" is there twice/,
    ],
    ['a collector without a place', { https: [{ name: 'a' }] }, /https\[0\]\.url.*where is it/],
    [
      'a collector whose URL is none',
      { https: [{ name: 'a', url: 'https://:x' }] },
      /https\[0\]\.url.*is no URL/,
    ],
    ['RADIUS without a server', { radius: [{ name: 'a' }] }, /radius\[0\]\.servers.*at least one server/],
    [
      'RADIUS by UDP without a secret',
      { radius: [{ name: 'a', servers: [{ host: '192.0.2.1' }] }] },
      /servers\[0\]\.secret.*needs a secret/,
    ],
    [
      'RadSec with a secret',
      { radius: [{ name: 'a', transport: 'tls', servers: [server], ...files }] },
      /servers\[0\]\.secret.*no secret of our own/,
    ],
    [
      'RadSec without certificates',
      { radius: [{ name: 'a', transport: 'tls', servers: [{ host: '192.0.2.1' }] }] },
      /radius\[0\].*RadSec needs caFile/,
    ],
    [
      'a certificate without its key',
      { https: [{ name: 'a', url: 'https://x.example/', certFile: 'box.pem' }] },
      /https\[0\].*certFile and keyFile go together/,
    ],
  ] as const) {
    it(`refuses ${what}`, () => assert.match(faultOf(upload), expected));
  }

  it('never shows a secret', () => {
    const fault = faultOf({ radius: [{ name: 'a', servers: [{ host: '192.0.2.1', secret: 'geheim\n' }] }] });
    assert.match(fault, /secret/);
    assert.doesNotMatch(fault, /geheim/);
  });
});
