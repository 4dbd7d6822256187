import assert from 'node:assert/strict';
import { Alarms, silentLog } from '#base';
import { openSimHal, type SimHal } from '../../../hal/sim/sim-hal.ts';
import { LeaseWatch } from '../../../src/health/index.ts';
import { HandClock } from '../session/scripted.ts';

const lease = {
  family: 4,
  address: '192.0.2.7/24',
  server: undefined,
  routers: [],
  nameServers: [],
  obtainedAt: 0,
  seconds: 60,
} as const;

describe('the watch over leases', () => {
  let hal: SimHal;
  let clock: HandClock;
  let alarms: Alarms;
  let watch: LeaseWatch;
  beforeEach(async () => {
    hal = await openSimHal();
    clock = new HandClock();
    alarms = new Alarms({ clock, log: silentLog });
    const wan = { device: 'wan0', addresses: [], dhcp4: true };
    await hal.nics.apply({ wan, access: { device: 'lan0', addresses: [] } });
    watch = new LeaseWatch({ nics: hal.nics, alarms, clock });
  });
  afterEach(async () => {
    await watch.close();
    await hal.close();
  });
  const standing = () => alarms.standing().map(({ name, subject }) => `${name} ${subject}`);

  it('waits half a minute, then says which NIC gets no address', async () => {
    await clock.pass(29_000);
    assert.deepEqual(standing(), []);
    await clock.pass(2_000);
    assert.deepEqual(standing(), ['nic.noLease wan DHCPv4']);
    hal.nics.lend('wan0', 4, lease);
    assert.deepEqual(standing(), []);
  });

  it('begins to wait anew when a lease is lost, and not when it is asked for no more', async () => {
    hal.nics.lend('wan0', 4, lease);
    await clock.pass(100_000);
    assert.deepEqual(standing(), []);
    hal.nics.lend('wan0', 4, undefined);
    await clock.pass(31_000);
    assert.deepEqual(standing(), ['nic.noLease wan DHCPv4']);
    const nics = { wan: { device: 'wan0', addresses: [] }, access: { device: 'lan0', addresses: [] } };
    await hal.nics.apply(nics);
    assert.deepEqual(standing(), []);
  });

  it('says nothing any more when it is closed', async () => {
    await watch.close();
    await clock.pass(100_000);
    assert.deepEqual(standing(), []);
  });

  it('says that somebody else has an address, until that is over', () => {
    const nic = hal.nics.get('wan');
    watch.look({ ...nic, addresses: [{ address: '2001:db8::7', prefixLength: 64, duplicate: true }] });
    assert.deepEqual(standing(), ['nic.duplicateAddress wan']);
    watch.look(nic);
    assert.deepEqual(standing(), []);
  });

  it('names who has a static IPv4 address, which the box goes on to use, and what to do (RFC 5227 s.2.4)', () => {
    const nic = hal.nics.get('wan');
    const holder = '02:00:00:00:00:99';
    const taken = { address: '203.0.113.1', prefixLength: 24, duplicate: true, holder } as const;
    watch.look({ ...nic, addresses: [taken] });
    const [alarm] = alarms.standing().filter(({ name }) => name === 'nic.duplicateAddress');
    assert.equal(
      alarm?.text,
      `${holder} has 203.0.113.1, too: what is for wan0 may go there, give one of the two another address`,
    );
  });
});
