import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import type { Interception, InterceptionPlan } from '#hal';
import { next } from './datapath-world.ts';

/** What a viewer's new connection met; `local` is the address Weir's end of it has. */
export type Met = { readonly at: 'weir'; readonly local: string } | { readonly at: 'origin' | 'nothing' };

/** The interception under test, with a viewer, an origin that serves ports 554 and 8554, and Weir's listeners. */
export interface InterceptionWorld extends AsyncDisposable {
  readonly interception: Interception;
  readonly plan: InterceptionPlan;
  readonly origin: { readonly v4: string; readonly v6: string };
  /** The box's own address on `access`, where nobody listens on the port. */
  readonly box: { readonly v4: string; readonly v6: string };
  /** A viewer dials. */
  dial(address: string, port: number): Promise<Met>;
  /** Another interception after this one is closed or dead. */
  reopen(): Promise<Interception>;
  /** Weir's listeners go away, as when it is killed. */
  killListeners(): Promise<void>;
  /** Somebody else takes this away. */
  takeAway(what: Part): Promise<void>;
  pass(ms: number): Promise<void>;
}

export const parts = ['table', 'one rule', 'policy rules', 'local routes'] as const;
export type Part = (typeof parts)[number];

const families = ['v4', 'v6'] as const;

/** What every implementation of `Interception` keeps. */
export function interceptionContract(makeWorld: () => Promise<InterceptionWorld>): void {
  let world: InterceptionWorld;
  beforeEach(async () => {
    world = await makeWorld();
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
  });

  const start = async (plan: Partial<InterceptionPlan> = {}) => {
    await world.interception.apply({ ...world.plan, ...plan });
    await world.interception.renew();
  };
  const expect = async (at: Met['at'], address: string, port = 554) =>
    assert.equal((await world.dial(address, port)).at, at, `${address} ${port}`);

  it('intercepts nothing before the first renewal', async () => {
    await world.interception.apply(world.plan);
    for (const family of families) await expect('origin', world.origin[family]);
  });

  it("gives Weir a viewer's connection with the dialled address as its own", async () => {
    await start();
    for (const family of families) {
      const address = world.origin[family];
      assert.deepEqual(await world.dial(address, 554), { at: 'weir', local: `${address} 554` });
      assert.deepEqual(await world.dial(address, 8554), { at: 'weir', local: `${address} 8554` });
    }
  });

  it('leaves other ports and the box itself alone', async () => {
    await start({ ports: [8554] });
    for (const family of families) {
      await expect('origin', world.origin[family], 554);
      await expect('nothing', world.box[family], 8554);
    }
  });

  it('stops within 3 s of the last renewal, and begins again with the next', async () => {
    await start();
    await world.pass(2_000);
    await expect('weir', world.origin.v4);
    await world.interception.renew();
    await world.pass(2_000);
    for (const family of families) await expect('weir', world.origin[family]);
    await world.pass(1_100);
    for (const family of families) await expect('origin', world.origin[family]);
    await world.interception.renew();
    for (const family of families) await expect('weir', world.origin[family]);
  });

  it('lets a bypassed address and port past, for its time only and no other port', async () => {
    await start();
    for (const family of families) {
      await world.interception.bypass(world.origin[family], 554, 2);
      await expect('origin', world.origin[family], 554);
      await expect('weir', world.origin[family], 8554);
    }
    await world.pass(2_100);
    await world.interception.renew();
    for (const family of families) await expect('weir', world.origin[family]);
  });

  it('prolongs a bypass that is given again', async () => {
    await start();
    await world.interception.bypass(world.origin.v4, 554, 1);
    await world.interception.bypass(world.origin.v4, 554, 600);
    await world.pass(1_100);
    await world.interception.renew();
    await expect('origin', world.origin.v4);
  });

  it('takes a bypass back, and one that was never given', async () => {
    await start();
    for (const family of families) {
      await world.interception.bypass(world.origin[family], 554, 600);
      await world.interception.intercept(world.origin[family], 554);
      await world.interception.intercept(world.origin[family], 8554);
      await expect('weir', world.origin[family], 554);
    }
  });

  it('keeps intercepting and bypassing while the plan is replaced', async () => {
    await start({ ports: [8554] });
    await world.interception.bypass(world.origin.v4, 554, 600);
    await world.interception.apply(world.plan);
    await expect('origin', world.origin.v4, 554);
    await expect('weir', world.origin.v6, 554);
    await expect('weir', world.origin.v4, 8554);
    await world.interception.apply({ ...world.plan, ports: [554] });
    await expect('origin', world.origin.v4, 8554);
  });

  it('intercepts nothing new once it is stopped, before the ports expire', async () => {
    await start();
    await world.interception.stop();
    for (const family of families) await expect('origin', world.origin[family]);
  });

  it('sends viewers nowhere once it is stopped, with `whenDown` closed', async () => {
    await start({ whenDown: 'closed' });
    await world.interception.stop();
    for (const family of families) await expect('nothing', world.origin[family]);
  });

  it('sends viewers to the origin when Weir is dead and `whenDown` is open', async () => {
    await start();
    await world.killListeners();
    for (const family of families) await expect('origin', world.origin[family]);
  });

  it('sends viewers nowhere when Weir is dead and `whenDown` is closed', async () => {
    await start({ whenDown: 'closed', ports: [554] });
    await world.interception.bypass(world.origin.v6, 554, 600);
    await world.killListeners();
    await expect('nothing', world.origin.v4, 554);
    await expect('origin', world.origin.v6, 554);
    await expect('origin', world.origin.v4, 8554);
  });

  it('drops also while a stuck Weir renews nothing, with `whenDown` closed', async () => {
    await start({ whenDown: 'closed' });
    await world.pass(3_100);
    for (const family of families) await expect('nothing', world.origin[family]);
  });

  it('leaves nothing behind when it is closed, with `whenDown` open', async () => {
    await start();
    await world.interception.close();
    await world.interception.close();
    for (const family of families) await expect('origin', world.origin[family]);
  });

  it('goes on dropping after close with `whenDown` closed, until a Weir starts with `open`', async () => {
    await start({ whenDown: 'closed', ports: [554] });
    await world.interception.bypass(world.origin.v6, 554, 600);
    await world.interception.close();
    await expect('nothing', world.origin.v4, 554);
    await expect('origin', world.origin.v6, 554);
    await expect('origin', world.origin.v4, 8554);
    const next = await world.reopen();
    await next.apply(world.plan);
    await expect('origin', world.origin.v4, 554);
  });

  for (const part of parts) {
    it(`puts the ${part} back when somebody takes it away`, async () => {
      await start();
      await world.interception.bypass(world.origin.v6, 8554, 600);
      const repaired = next(world.interception.repaired);
      await world.takeAway(part);
      assert.notEqual((await repaired).what, '');
      await world.interception.renew();
      for (const family of families) await expect('weir', world.origin[family], 554);
      await expect('origin', world.origin.v6, 8554);
    });
  }

  it('refuses to work before apply and after close', async () => {
    const refused = (code: 'INTERCEPTION_FAILED' | 'ALREADY_CLOSED') => (error: unknown) =>
      isWeirError(error, code);
    await assert.rejects(world.interception.renew(), refused('INTERCEPTION_FAILED'));
    await assert.rejects(world.interception.bypass('192.0.2.1', 554, 1), refused('INTERCEPTION_FAILED'));
    await world.interception.close();
    await assert.rejects(world.interception.apply(world.plan), refused('ALREADY_CLOSED'));
    await assert.rejects(world.interception.renew(), refused('ALREADY_CLOSED'));
  });

  it('refuses to bypass what is no address', async () => {
    await start();
    await assert.rejects(world.interception.bypass('origin.example', 554, 1), (error) =>
      isWeirError(error, 'CONFIG_BAD_VALUE'),
    );
  });
}
