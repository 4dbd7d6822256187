import assert from 'node:assert/strict';
import { WeirError } from '#base';
import type { Forwarding } from '#hal';

/** The forwarding under test, with a viewer behind `lan0` and an origin behind `wan0`. */
export interface ForwardingWorld extends AsyncDisposable {
  readonly forwarding: Forwarding;
  /** Whom the origin sees when the viewer dials it; nobody when nothing is forwarded. */
  seen(family: 'v4' | 'v6'): Promise<'viewer' | 'box' | 'nobody'>;
}

const devices = { wanDevice: 'wan0', accessDevice: 'lan0' };

/** What every implementation of `Forwarding` keeps. */
export function forwardingContract(makeWorld: () => Promise<ForwardingWorld>): void {
  let world: ForwardingWorld;
  beforeEach(async () => {
    world = await makeWorld();
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
  });

  it('forwards both families between the NICs, with the addresses as they are', async () => {
    assert.equal(await world.seen('v4'), 'nobody');
    await world.forwarding.apply({ ...devices, masquerade: false });
    assert.equal(await world.seen('v4'), 'viewer');
    assert.equal(await world.seen('v6'), 'viewer');
  });

  it('hides IPv4 viewers behind the address of wan, and shows them again', async () => {
    await world.forwarding.apply({ ...devices, masquerade: true });
    assert.equal(await world.seen('v4'), 'box');
    assert.equal(await world.seen('v6'), 'viewer');
    await world.forwarding.apply({ ...devices, masquerade: true });
    assert.equal(await world.seen('v4'), 'box');
    await world.forwarding.apply({ ...devices, masquerade: false });
    assert.equal(await world.seen('v4'), 'viewer');
  });

  it('refuses a NIC that is not there', async () => {
    await assert.rejects(
      world.forwarding.apply({ wanDevice: 'wan7', accessDevice: 'lan0', masquerade: false }),
      (error) => error instanceof WeirError && error.code === 'NIC_MISSING',
    );
    assert.equal(await world.seen('v4'), 'nobody');
  });
}
