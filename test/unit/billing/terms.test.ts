import assert from 'node:assert/strict';
import { BlockList, isIPv4 } from 'node:net';
import { Subscribers, TermsBook } from '../../../src/billing/index.ts';
import { parseConfig } from '../../../src/config/index.ts';

const billing = (value: object) =>
  parseConfig({ interfaces: { wan: { device: 'wan0' }, access: { device: 'lan0' } }, billing: value })
    .billing;

const places = (entries: readonly { id: string; prefix?: string; mac?: string }[]) =>
  entries.map(({ id, prefix, mac }) => ({
    id,
    prefixes: prefix === undefined ? [] : [prefix],
    macs: mac === undefined ? [] : [mac],
  }));

describe('the subscriber of a viewer', () => {
  const subscribers = new Subscribers(
    places([
      { id: 'all', prefix: '0.0.0.0/0' },
      { id: 'campus', prefix: '10.0.0.0/8' },
      { id: 'house', prefix: '10.1.2.77/24' },
      { id: 'flat', prefix: '10.1.2.3/32' },
      { id: 'box', mac: '02:00:5E:10:00:01' },
      { id: 'six', prefix: '2001:db8:1::/48' },
      { id: 'six-home', prefix: '2001:db8:1:2::/64' },
      { id: 'six-one', prefix: '2001:db8:1:2::9/128' },
      { id: 'late', prefix: '10.0.0.0/8' },
    ]),
  );
  const cases: readonly [address: string, mac: string | undefined, id: string | undefined][] = [
    ['198.51.100.9', undefined, 'all'],
    ['10.9.9.9', undefined, 'campus'],
    ['10.1.2.200', undefined, 'house'],
    ['10.1.2.3', undefined, 'flat'],
    ['10.1.2.3', '02:00:5e:10:00:01', 'box'],
    ['10.1.2.3', '02:00:5e:10:00:02', 'flat'],
    ['2001:db8:1:ffff::1', undefined, 'six'],
    ['2001:db8:1:2::8', undefined, 'six-home'],
    ['2001:db8:1:2::9', undefined, 'six-one'],
    ['2001:db8:2::1', undefined, undefined],
    ['fe80::1%lan0', undefined, undefined],
  ];
  for (const [address, mac, id] of cases) {
    it(`at ${address}${mac ? ` with ${mac}` : ''} is ${id ?? 'nobody known'}`, () =>
      assert.equal(subscribers.find(address, mac), id));
  }

  it("is found by the same prefixes that node:net's own list finds", () => {
    let state = 1;
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 8) % below;
    };
    const v4 = () => Array.from({ length: 4 }, () => random(4)).join('.');
    const v6 = () => `2001:db8:${Array.from({ length: 6 }, () => random(3).toString(16)).join(':')}`;
    const family = (address: string) => (isIPv4(address) ? 'ipv4' : 'ipv6');
    for (let round = 0; round < 300; round++) {
      const addresses = [v4(), v4(), v6(), v6()];
      const prefixes = addresses.map((address) => ({
        address,
        length: isIPv4(address) ? random(33) : random(129),
      }));
      const table = new Subscribers(
        places(
          prefixes.map(({ address, length }, index) => ({
            id: String(index),
            prefix: `${address}/${length}`,
          })),
        ),
      );
      for (const address of [v4(), v6()]) {
        const holding = prefixes
          .map(({ address: network, length }, index) => {
            const list = new BlockList();
            list.addSubnet(network, length, family(network));
            const holds = family(network) === family(address) && list.check(address, family(address));
            return holds ? { index, length } : undefined;
          })
          .filter((one) => one !== undefined);
        const longest = holding.reduce<(typeof holding)[number] | undefined>(
          (best, one) => (best !== undefined && best.length >= one.length ? best : one),
          undefined,
        );
        const expected = longest === undefined ? undefined : String(longest.index);
        assert.equal(table.find(address, undefined), expected, JSON.stringify({ address, prefixes }));
      }
    }
  });
});

describe('the terms of a session', () => {
  const config = billing({
    currency: 'JPY',
    tariffs: [
      { name: 'friends', version: '3', subscribers: ['flat'], pricePerSession: '1' },
      { name: 'sport', version: '2', urls: ['rtsp://TV.example.net/sport/*'], pricePerMinute: '2' },
      { name: 'basic', version: '9', pricePerMegabyte: '0.5' },
    ],
    subscribers: [{ id: 'flat', prefixes: ['10.1.2.3/32'] }],
  });
  const book = new TermsBook(() => config);
  const at = (url: string, address = '10.1.2.4') => book.termsFor({ url, address, mac: undefined });

  it('are those of the first tariff that fits', () => {
    assert.equal(at('rtsp://tv.example.net/sport/1').tariff.name, 'sport');
    assert.equal(at('rtsp://tv.example.net/news').tariff.name, 'basic');
    assert.equal(at('rtsp://tv.example.net/sport/1', '10.1.2.3').tariff.name, 'friends');
  });

  it('hold version, prices and currency, so that they stay when the configuration changes', () => {
    const { subscriber, tariff } = at('rtsp://tv.example.net/sport/1', '10.1.2.3');
    assert.equal(subscriber, 'flat');
    assert.deepEqual(
      [tariff.version, tariff.pricePerSession, tariff.pricePerMinute, tariff.currency],
      ['3', '1', '0', 'JPY'],
    );
  });

  it('are free of charge where no tariff fits', () => {
    const none = new TermsBook(() => billing({ tariffs: [{ name: 'a', urls: ['rtsp://other/*'] }] }));
    const { tariff } = none.termsFor({ url: 'rtsp://tv/x', address: '10.0.0.1', mac: undefined });
    assert.deepEqual([tariff.name, tariff.currency, tariff.pricePerMegabyte], ['free', 'XXX', '0']);
  });

  it('follow the configuration in force', () => {
    let current = billing({});
    const live = new TermsBook(() => current);
    const session = { url: 'rtsp://tv/x', address: '10.0.0.1', mac: undefined };
    assert.equal(live.termsFor(session).subscriber, undefined);
    current = billing({ subscribers: [{ id: 'new', prefixes: ['10.0.0.0/8'] }] });
    assert.equal(live.termsFor(session).subscriber, 'new');
  });
});
