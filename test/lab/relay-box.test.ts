import { strict as assert } from 'node:assert';
import { ForeignTraffic } from './foreign-traffic.ts';
import { liveLab } from './live-lab.ts';
import { WebOrigin } from './origin-web.ts';
import { text } from './tcp-connections.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { Weir } from './weir.ts';
import { Witness } from './witness.ts';

describe('lab: the box between its two NICs', function () {
  this.timeout(60_000);
  const lab = liveLab();

  /** One viewer for a moment: its status, and whether Weir had it. */
  async function visit(weir: Weir): Promise<{ status: number; relayed: boolean }> {
    await using viewers = await ScriptedViewers.start(lab.world.viewer.host, {
      url: lab.url,
      sources: [lab.world.viewer.address4],
    });
    const [status = 0] = await viewers.settled(5_000);
    const relayed = (await weir.show()).viewers.length === 1;
    if (status === 200) await viewers.teardown();
    return { status, relayed };
  }

  it('relays again within 5 s after somebody flushed all rules', async () => {
    await using weir = await Weir.start(lab.world);
    assert.deepEqual(await visit(weir), { status: 200, relayed: true });
    await lab.world.box.run('nft', ['flush', 'ruleset']);
    const until = Date.now() + 5_000;
    while (!(await visit(weir)).relayed) assert.ok(Date.now() < until, 'not within 5 s');
  });

  it('relays again within 5 s after somebody took the policy rules and the local routes away', async () => {
    await using weir = await Weir.start(lab.world);
    assert.deepEqual(await visit(weir), { status: 200, relayed: true });
    const rules = await lab.world.box.ip('rule');
    const [, preference, table] = /^(\d+):.*fwmark.*lookup (\d+)/m.exec(rules) ?? [];
    assert.ok(preference && table, rules);
    await lab.world.box.ip('rule', 'delete', 'preference', preference);
    await lab.world.box.ip('route', 'flush', 'table', table);
    await using viewers = await ScriptedViewers.start(lab.world.viewer.host, {
      url: lab.url,
      sources: [lab.world.viewer.address4],
    });
    // Its SYN is answered once the route is back: TCP repeats it.
    assert.deepEqual(await viewers.settled(8_000), [200]);
    assert.equal((await weir.show()).viewers.length, 1);
    await viewers.teardown();
  });

  it('does not intercept what is meant for the box itself', async () => {
    await using _weir = await Weir.start(lab.world);
    await using viewers = await ScriptedViewers.start(lab.world.viewer.host, {
      url: `rtsp://${lab.world.access.address4}/live`,
      sources: [lab.world.viewer.address4],
    });
    assert.deepEqual(await viewers.settled(5_000), [0]);
    assert.deepEqual(
      viewers.told('ended').map(({ how }) => how),
      ['reset'],
    );
  });

  it('with whenDown closed, intercepted ports reach nothing without Weir, other ports do', async () => {
    await using web = await WebOrigin.start(lab.world.origin.host, {
      ...{ httpPorts: [80], tlsPort: 443, greetingPorts: [] },
      fileBytes: 1000,
    });
    const traffic = new ForeignTraffic(lab.world.viewer.host, lab.world.origin.address4);
    const from = lab.origin.events.length;
    await using weir = await Weir.start(lab.world, { relay: { whenDown: 'closed' } });
    assert.deepEqual(await visit(weir), { status: 200, relayed: true });
    weir.program.signal('SIGKILL');
    await weir.program.ended(2_000);
    const before = lab.origin.events.length;
    await using viewers = await ScriptedViewers.start(lab.world.viewer.host, {
      url: lab.url,
      sources: [lab.world.viewer.address4],
    });
    await assert.rejects(viewers.settled(3_000));
    assert.equal(
      lab.origin.events.slice(Math.max(from, before)).some(({ event }) => event === 'connected'),
      false,
    );
    assert.equal(await traffic.page(80), 'hello from the origin\n');
    assert.equal(await traffic.transfer(80), web.fileSha256);
    // Who still waits for an answer would be one viewer more.
    await viewers.close();
    // The next Weir relays, and the one that says `open` takes the drop rule away.
    await using again = await Weir.start(lab.world);
    assert.deepEqual(await visit(again), { status: 200, relayed: true });
  });

  it('with masquerade the wan only sees the box, for whatever passes, and relaying goes on', async () => {
    await using _web = await WebOrigin.start(lab.world.origin.host, {
      ...{ httpPorts: [80], tlsPort: 443, greetingPorts: [] },
      fileBytes: 1000,
    });
    await using weir = await Weir.start(lab.world, { wan: { masquerade: true } });
    const traffic = new ForeignTraffic(lab.world.viewer.host, lab.world.origin.address4);
    await using witness = await Witness.start(lab.world);
    assert.equal(await traffic.page(80), 'hello from the origin\n');
    const { wan } = await witness.stop();
    const openers = wan
      .filter(({ tcp }) => tcp?.syn && !tcp.ack)
      .map(({ source }) => text(source).split(':')[0]);
    assert.deepEqual(openers, [lab.world.wan.address4]);
    assert.deepEqual(await visit(weir), { status: 200, relayed: true });
  });
});
