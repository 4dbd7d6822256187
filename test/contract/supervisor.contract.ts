import assert from 'node:assert/strict';
import type { Supervisor } from '#hal';

export interface SupervisorWorld extends AsyncDisposable {
  readonly supervisor: Supervisor;
  /** Waits until so many messages have come; they are in the order in which they were sent. */
  heard(count: number): Promise<readonly string[]>;
}

/** What every implementation of `Supervisor` keeps. `patienceMs` of the world is 4,000. */
export function supervisorContract(makeWorld: () => Promise<SupervisorWorld>): void {
  it('tells readiness, signs of life, a status and the end, in order (sd_notify(3))', async () => {
    await using world = await makeWorld();
    const { supervisor } = world;
    supervisor.status('starting');
    supervisor.ready();
    supervisor.alive();
    supervisor.stopping();
    assert.deepEqual(await world.heard(4), ['STATUS=starting', 'READY=1', 'WATCHDOG=1', 'STOPPING=1']);
  });

  it('tells a status of several lines as one, so that no line of it is taken for a message', async () => {
    await using world = await makeWorld();
    world.supervisor.status('bad news\nREADY=1');
    assert.deepEqual(await world.heard(1), ['STATUS=bad news READY=1']);
  });

  it('knows how long it may be silent', async () => {
    await using world = await makeWorld();
    assert.equal(world.supervisor.patienceMs, 4000);
  });
}
