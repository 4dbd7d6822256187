import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { silentLog } from '#base';
import { LinuxForwarding } from '../../hal/linux/forwarding.ts';
import { Nft } from '../../hal/linux/nft.ts';
import { openSimHal } from '../../hal/sim/sim-hal.ts';
import { describeReal } from './describe-real.ts';
import { type ForwardingWorld, forwardingContract } from './forwarding.contract.ts';
import { boxOnWan, NetworkWorld, originAt, viewerAt } from './network-world.ts';
import { nft } from './nft-program.ts';

const SILENCE_MS = 400;

describe('the simulated forwarding', () => {
  forwardingContract(async () => {
    const hal = await openSimHal();
    return {
      forwarding: hal.forwarding,
      seen: async (family) => {
        const { applied } = hal.forwarding;
        if (!applied) return 'nobody';
        return applied.masquerade && family === 'v4' ? 'box' : 'viewer';
      },
      [Symbol.asyncDispose]: () => hal.close(),
    };
  });
});

const setting = (name: string): string => readFileSync(`/proc/sys/${name}`, 'utf8').trim();

async function realWorld(): Promise<ForwardingWorld> {
  const network = await NetworkWorld.make();
  for (const name of ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding'])
    writeFileSync(`/proc/sys/${name}`, '0');
  for (const address of Object.values(originAt)) await network.origin.call('serve', address, 554, 'origin');
  return {
    forwarding: new LinuxForwarding({ nft: new Nft(), log: silentLog }),
    seen: async (family) => {
      const outcome = await network.viewer.call('dial', originAt[family], 554, SILENCE_MS);
      if ('error' in outcome) return 'nobody';
      const seen = {
        [`origin ${viewerAt[family]}`]: 'viewer',
        [`origin ${boxOnWan[family]}`]: 'box',
      } as const;
      return seen[outcome.greeting] ?? assert.fail(outcome.greeting);
    },
    [Symbol.asyncDispose]: async () => {
      nft('flush ruleset');
      await network[Symbol.asyncDispose]();
    },
  };
}

describeReal('the forwarding of Linux', import.meta.filename, () => {
  describe('as every implementation', () => {
    forwardingContract(realWorld);
  });

  it('takes router advertisements on wan although it forwards, and filters sources loosely (RFC 3704 s.2.4)', async () => {
    await using world = await realWorld();
    await world.forwarding.apply({ wanDevice: 'wan0', accessDevice: 'lan0', masquerade: false });
    assert.equal(setting('net/ipv6/conf/wan0/accept_ra'), '2');
    for (const device of ['all', 'wan0', 'lan0'])
      assert.equal(setting(`net/ipv4/conf/${device}/rp_filter`), '2');
  });

  it('puts the settings back when nftables refuses', async () => {
    await using _world = await realWorld();
    const before = setting('net/ipv4/conf/wan0/rp_filter');
    const refusing = new LinuxForwarding({ nft: new Nft({ program: '/bin/false' }), log: silentLog });
    await assert.rejects(refusing.apply({ wanDevice: 'wan0', accessDevice: 'lan0', masquerade: true }));
    assert.equal(setting('net/ipv4/ip_forward'), '0');
    assert.equal(setting('net/ipv6/conf/all/forwarding'), '0');
    assert.equal(setting('net/ipv4/conf/wan0/rp_filter'), before);
  });
});
