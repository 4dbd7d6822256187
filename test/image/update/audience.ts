import { strict as assert } from 'node:assert';
import { systemClock } from '#base';
import type { World } from '../../../src/demo/world/index.ts';
import { ScriptedViewers } from '../../lab/viewers-scripted.ts';
import type { ViewerCounts } from '../../lab/viewers-scripted-options.ts';
import type { ShownEnd, ShownViewer } from '../../lab/weir.ts';
import { answersWithinMs } from '../technician.ts';
import type { Technician } from './technician.ts';

/** Of each transport so many. */
const viewersEach = 3;
/** By UDP silence for a minute would be the end. */
const keepAliveMs = 15_000;

/** What an emulated gateway can relay to all of them beside its other work. */
export const originOptions = { port: 554, packetsPerSecond: 25, packetsPerStart: 25 } as const;

/** Viewers at their addresses, by both transports. */
export class Audience {
  readonly #groups: readonly ScriptedViewers[];
  readonly #addresses: readonly string[];
  readonly #keepAlive: Disposable;
  last: readonly ViewerCounts[] = [];

  private constructor(groups: readonly ScriptedViewers[], addresses: readonly string[]) {
    this.#groups = groups;
    this.#addresses = addresses;
    this.#keepAlive = systemClock.every(keepAliveMs, () => {
      for (const group of groups) group.command({ command: 'request', method: 'GET_PARAMETER' });
    });
  }

  static async come(world: World): Promise<Audience> {
    const { host, address4 } = world.viewer;
    const own = Array.from({ length: 2 * viewersEach }, (_, index) =>
      address4.replace(/\d+$/, String(20 + index)),
    );
    for (const address of own) await host.ip('address', 'replace', `${address}/16`, 'dev', 'eth0');
    const url = `rtsp://${world.origin.address4}/live`;
    const groups = await Promise.all(
      (['udp', 'tcp'] as const).map((transport, index) =>
        ScriptedViewers.start(host, {
          url,
          transport,
          sources: own.slice(index * viewersEach, (index + 1) * viewersEach),
        }),
      ),
    );
    for (const group of groups) {
      assert.deepEqual(new Set(await group.settled(answersWithinMs)), new Set([200]));
      await group.watching(answersWithinMs);
    }
    return new Audience(groups, own);
  }

  async counts(): Promise<readonly ViewerCounts[]> {
    this.last = (await Promise.all(this.#groups.map((group) => group.counts()))).flat();
    return this.last;
  }

  /** What each one's record would say now, by its address. */
  async billed(technician: Technician): Promise<ReadonlyMap<string, bigint>> {
    const { viewers, ended } = await technician.asks<{
      readonly viewers: readonly ShownViewer[];
      readonly ended: readonly ShownEnd[];
    }>('show viewers');
    const of = viewers.map(({ viewer, txBytes }) => [viewer, BigInt(txBytes)] as const);
    const causes = ended.map(({ viewer, terminateCause }) => `${viewer} ${terminateCause}`).join(', ');
    const watching = of.map(([address]) => address).sort();
    assert.deepEqual(watching, [...this.#addresses].sort(), `who ended, and why: ${causes}`);
    return new Map(of);
  }

  async leave(): Promise<void> {
    this.#keepAlive[Symbol.dispose]();
    for (const group of this.#groups) group.command({ command: 'teardown' });
    await this.ended();
    await this.counts();
    for (const group of this.#groups) await group.close();
  }

  /** However it came. */
  async ended(): Promise<void> {
    this.#keepAlive[Symbol.dispose]();
    for (const group of this.#groups) {
      const all = () => group.told('ended').length === viewersEach;
      await group.program.until(all, answersWithinMs, 'the end of every viewer');
    }
  }
}
