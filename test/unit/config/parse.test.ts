import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import { configTree, parseConfig, type Schema } from '../../../src/config/index.ts';

const smallest = {
  interfaces: { wan: { device: 'wan0' }, access: { device: 'lan0' } },
  relay: { rtsp: { ports: [554, 8554] } },
};

/** A deep copy of the smallest configuration with one value set. */
function having(path: string, value: unknown): unknown {
  const copy = structuredClone(smallest) as Record<string, unknown>;
  const names = path.split('.');
  let at = copy;
  for (const name of names.slice(0, -1)) {
    at[name] ??= {};
    at = at[name] as Record<string, unknown>;
  }
  at[names.at(-1) ?? ''] = value;
  return copy;
}

describe('configuration', () => {
  it('fills everything but the two NICs with defaults', () => {
    const config = parseConfig({ interfaces: smallest.interfaces });
    assert.deepEqual(config.relay.rtsp.ports, [554, 8554]);
    assert.equal(config.relay.whenDown, 'open');
    assert.equal(config.interfaces.wan.masquerade, false);
    assert.deepEqual(config.interfaces.access.addresses, []);
    assert.equal(config.system.logLevel, 'info');
  });

  it('is frozen', () => {
    const config = parseConfig(smallest);
    assert.ok(Object.isFrozen(config) && Object.isFrozen(config.relay.rtsp.ports));
  });

  const bad: readonly [path: string, value: unknown, words: RegExp][] = [
    ['billing.checkpointSeconds', 61, /must be a whole number from 1 to 60 \(seconds\)/],
    ['billing.currency', 'eur', /billing\.currency: "eur" must be: currency code/],
    [
      'billing.tariffs',
      [{ name: 'a', minimum: '0.5' }],
      /billing\.currency: there are prices: in which currency/,
    ],
    [
      'billing.tariffs',
      [{ name: 'a', subscribers: ['x'] }],
      /subscribers\[0\]: "x" is not in billing\.subscribers/,
    ],
    ['billing.tariffs', [{}], /billing\.tariffs\[0\]\.name: is missing: name of the tariff/],
    ['billing.tariffs', [{ name: 'a' }, { name: 'a' }], /tariffs\[1\]\.name: "a" is there twice/],
    ['billing.tariffs', [{ name: 'a', pricePerMinute: 0.1 }], /pricePerMinute: 0\.1 must be: decimal/],
    ['billing.tariffs', [{ name: 'a', pricePerMinute: '-1' }], /pricePerMinute: "-1" must be: decimal/],
    ['billing.tariffs', [{ name: 'a', pricePerMinute: '1e3' }], /pricePerMinute: "1e3" must be: decimal/],
    [
      'billing.tariffs',
      [{ name: 'a', pricePerPacket: '1' }],
      /pricePerPacket: is not charged where the unit is bytes/,
    ],
    [
      'billing.tariffs',
      [{ name: 'a', unit: 'packets', pricePerMegabyte: '0.1' }],
      /pricePerMegabyte: is not charged where the unit is packets/,
    ],
    ['billing.tariffs', [{ name: 'a', urls: ['tv/*'] }], /urls\[0\]: "tv\/\*" must be: URL/],
    ['billing.subscribers', [{ prefixes: ['10.0.0.0/8'] }], /subscribers\[0\]\.id: is missing/],
    ['billing.subscribers', [{ id: 'a' }], /subscribers\[0\]: needs prefixes or macs/],
    ['billing.subscribers', [{ id: 'a', prefixes: ['10.0.0.300/8'] }], /"10\.0\.0\.300\/8" is no IP address/],
    [
      'billing.subscribers',
      [
        { id: 'a', macs: ['02:00:5e:10:00:01'] },
        { id: 'b', macs: ['02:00:5E:10:00:01'] },
      ],
      /subscribers\[1\]: "02:00:5E:10:00:01" belongs to a already/,
    ],
    ['relay.rtsp.ports', [0], /relay\.rtsp\.ports\[0\]: 0 must be a whole number from 1 to 65535/],
    ['relay.rtsp.ports', [], /relay\.rtsp\.ports: needs at least one port/],
    ['relay.rtsp.ports', [554, 554], /ports\[1\]: 554 is there twice/],
    ['relay.rtsp.ports', 554, /relay\.rtsp\.ports: must be a list/],
    ['relay.rtsp.port', 554, /relay\.rtsp\.port: is not known here; known are ports,/],
    ['relay.whenDown', 'ajar', /must be one of open, closed/],
    ['relay.ringSeconds', '8', /relay\.ringSeconds: "8" must be a whole number from 1 to 60 \(seconds\)/],
    ['relay', [], /relay: must be an object/],
    ['relay.feeds', [{ catchUp: {} }], /relay\.feeds\[0\]\.url: is missing/],
    ['relay.feeds', [{ url: 'rtsp://h/a b' }], /relay\.feeds\[0\]\.url: .* must be: URL/],
    ['relay.catchUp.maxSeconds', 0, /must be a whole number from 1 to 60 \(seconds\)/],
    ['interfaces.wan', {}, /interfaces\.wan: needs device, mac or path/],
    ['interfaces.access', { device: 'wan0' }, /"wan0" is the wan NIC already/],
    [
      'interfaces.wan.addresses',
      ['203.0.113.300/24'],
      /addresses\[0\]: "203\.0\.113\.300\/24" is no IP address/,
    ],
    ['interfaces.wan.addresses', ['203.0.113.3'], /must be: IP address with prefix length/],
    ['interfaces.wan.mtu', 100, /must be a whole number from 1280 to 9216 \(bytes\)/],
    ['interfaces.wan.masquerade', 1, /1 must be true or false/],
    ['relay.origins', [{ address: '203.0.113.10', username: 'u' }], /username and password go together/],
    [
      'relay.origins',
      [{ username: 'u', password: 'p' }],
      /relay\.origins\[0\]\.address: is missing: address of the origin/,
    ],
    ['system.name', 'no spaces', /must be: host name/],
  ];
  for (const [path, value, words] of bad) {
    it(`refuses ${path} = ${JSON.stringify(value)}`, () => {
      assert.throws(
        () => parseConfig(having(path, value)),
        (error) => isWeirError(error, 'CONFIG_BAD_VALUE') && words.test(error.describe()),
      );
    });
  }

  it('names every fault at once', () => {
    const value = { ...smallest, system: { name: '-' }, relay: { whenDown: 1 } };
    assert.throws(() => parseConfig(value), /system\.name.*relay\.whenDown/);
  });

  it('never repeats a secret in an error', () => {
    const origins = [{ address: '203.0.113.10', username: 'u', password: 'hush\u0007' }];
    assert.throws(
      () => parseConfig(having('relay.origins', origins)),
      (error) =>
        isWeirError(error) && !error.describe().includes('hush') && /password/.test(error.describe()),
    );
  });

  it('has one line of help for every value, and a default within its own range', () => {
    const walk = (schema: Schema, path: string): void => {
      assert.match(schema.help, /^[^\n]{3,120}$/, path);
      if (schema.type === 'branch') {
        for (const [name, entry] of Object.entries(schema.entries)) walk(entry, `${path}.${name}`);
      }
      if (schema.type === 'list') walk(schema.of, `${path}[]`);
      if (schema.type === 'integer') {
        assert.ok(schema.min <= schema.max, path);
        if (schema.default !== undefined) {
          assert.ok(schema.default >= schema.min && schema.default <= schema.max, path);
        }
      }
    };
    walk(configTree, '');
  });
});
