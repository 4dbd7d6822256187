import assert from 'node:assert/strict';
import { createLog, WeirError } from '#base';
import { DuplicateWatch, type OwnAddress } from '../../../hal/linux/duplicate-watch.ts';
import { HandClock, settled } from '../session/scripted.ts';

const wan = { device: 'wan0', address: '203.0.113.1' };
const lan = { device: 'lan0', address: '198.51.100.1' };
const stranger = '02:00:00:00:00:99';

describe('the watch over static IPv4 addresses (RFC 5227)', () => {
  let clock: HandClock;
  let asked: string[];
  /** Who else has which address. */
  let others: Map<string, string>;
  let refusal: Error | undefined;
  let logged: string;
  let watch: DuplicateWatch;
  let told: OwnAddress[];

  beforeEach(() => {
    clock = new HandClock();
    asked = [];
    others = new Map();
    refusal = undefined;
    logged = '';
    told = [];
    const write = (line: string) => {
      logged += line;
    };
    const probe = {
      whoElseHas: async (address: string, device: string) => {
        asked.push(`${address} ${device}`);
        if (refusal) throw refusal;
        return others.get(address);
      },
    };
    const log = createLog({ write, level: () => 'info', nowMs: clock.nowMs });
    watch = new DuplicateWatch({ probe, clock, log });
    watch.changed.on((own) => told.push(own));
  });
  afterEach(() => watch.close());

  it('asks for each address at once, and every five minutes from then on', async () => {
    watch.watch([wan, lan]);
    await settled();
    assert.deepEqual(asked, ['203.0.113.1 wan0', '198.51.100.1 lan0']);
    await clock.pass(290_000, 5000);
    assert.equal(asked.length, 2);
    await clock.pass(20_000, 5000);
    assert.equal(asked.length, 4);
    assert.deepEqual(told, []);
  });

  it('says who has an address, and soon that they have gone', async () => {
    others.set(wan.address, stranger);
    watch.watch([wan, lan]);
    await settled();
    assert.equal(watch.holderOf(wan), stranger);
    assert.equal(watch.holderOf(lan), undefined);
    assert.deepEqual(told, [wan]);
    others.clear();
    await clock.pass(40_000, 5000);
    assert.equal(watch.holderOf(wan), undefined);
    assert.deepEqual(told, [wan, wan]);
  });

  it('asks again for an address whose NIC has its link back, and for no other', async () => {
    watch.watch([wan, lan]);
    await settled();
    watch.watch([lan]);
    watch.watch([wan, lan]);
    await settled();
    assert.deepEqual(asked.slice(2), ['203.0.113.1 wan0']);
  });

  it('leaves IPv6 to the kernel (RFC 4862 s.5.4)', async () => {
    watch.watch([{ device: 'wan0', address: '2001:db8::1' }]);
    await settled();
    assert.deepEqual(asked, []);
  });

  it('forgets what was found of an address that the box has no more', async () => {
    others.set(wan.address, stranger);
    watch.watch([wan]);
    await settled();
    watch.watch([]);
    assert.equal(watch.holderOf(wan), undefined);
  });

  it('says once that it cannot ask, goes on, and finds who is there when it can', async () => {
    refusal = new WeirError('COMMAND_FAILED', 'arping failed: no such device');
    watch.watch([wan]);
    await clock.pass(620_000, 10_000);
    assert.ok(asked.length >= 3);
    assert.equal(logged.match(/not looked for/g)?.length, 1);
    refusal = undefined;
    others.set(wan.address, stranger);
    await clock.pass(310_000, 10_000);
    assert.equal(watch.holderOf(wan), stranger);
  });

  it('asks nobody any more when it is closed', async () => {
    watch.watch([wan]);
    await watch.close();
    const { length } = asked;
    await clock.pass(620_000, 10_000);
    assert.equal(asked.length, length);
  });
});
