import { strict as assert } from 'node:assert';
import type { World } from '../../../src/demo/world/index.ts';
import { createLabWorld } from '../../lab/lab-world.ts';
import { type Newcomer, Newcomers } from '../../lab/newcomers.ts';
import { ScriptedOrigin } from '../../lab/origin-scripted.ts';
import { ScriptedViewers } from '../../lab/viewers-scripted.ts';
import { FlashedDisk, Gateway, makeRoomForGateway } from '../gateway.ts';
import type { Inside } from '../inside.ts';
import { answersWithinMs, consoleOffered, setUp, startsWithinMs } from '../technician.ts';
import { faults, WeirInside } from './weir-inside.ts';

/** Little enough for an emulated machine to forward to many at once. */
const light = { packetsPerSecond: 20, packetsPerStart: 10, payloadBytes: 400 };
const coming = { everyMs: 1000, most: 1000 };
/** So many one after the other: the gateway has time for all of them. */
const steady = 5;

/** What a fault was to viewers and to the box; seconds since it. */
interface Seen {
  readonly firstPast: Newcomer;
  readonly relayedAgain: Newcomer;
  readonly connectionsEnded: readonly number[];
  readonly readyAfter: number;
}

describe('image: a Weir that does not run', function () {
  this.timeout(4 * startsWithinMs);
  let world: World;
  let disk: FlashedDisk;
  let gateway: Gateway;
  let origin: ScriptedOrigin;
  let inside: Inside;
  let weir: WeirInside;
  let url: string;

  before(async () => {
    disk = await FlashedDisk.flash();
    world = await createLabWorld();
    await makeRoomForGateway(world);
    url = `rtsp://${world.origin.address4}/live`;
    origin = await ScriptedOrigin.start(world.origin.host, { port: 554, ...light });
    gateway = await Gateway.start(world.box, disk, { inside: true, measured: true });
    inside = gateway.inside;
    await consoleOffered(gateway);
    await setUp(gateway, world);
    weir = new WeirInside(inside);
    await weir.takeTools();
  });
  after(async () => {
    await gateway?.cutPower();
    await world?.close();
    disk?.[Symbol.dispose]();
  });

  const dial = (transport: 'udp' | 'tcp') => {
    const { host, address4 } = world.viewer;
    return ScriptedViewers.start(host, { url, transport, sources: [address4] });
  };
  /** Watches by way of the box: from a busy one that has lost a beat some go past it, or have to come again. */
  const relayed = async (transport: 'udp' | 'tcp') => {
    const past = () => origin.askedBy((address) => address === world.viewer.address4).length;
    for (;;) {
      const before = past();
      const viewers = await dial(transport);
      const [status] = await viewers.settled(answersWithinMs);
      if (status === 200 && past() === before) {
        await viewers.watching(answersWithinMs);
        return viewers;
      }
      await viewers.close();
    }
  };
  const packets = async (viewers: ScriptedViewers) => (await viewers.counts())[0]?.rtpPackets ?? 0;
  const nasErrors = async () => (await weir.records()).filter((line) => line.includes('nas-error')).length;

  for (const fault of Object.keys(faults) as (keyof typeof faults)[]) {
    it(`${fault}: new viewers reach the origin past it, and play on when it is back and relays again`, async () => {
      const beganAtMs = await inside.kernelBeganAtMs(answersWithinMs);
      const before = await nasErrors();
      await using newcomers = await Newcomers.start(world, origin, coming);
      const relaysAll = () => newcomers.served.slice(-steady).every(({ way }) => way === 'relayed');
      await newcomers.until(() => newcomers.served.length >= steady && relaysAll(), startsWithinMs);
      await using udp = await relayed('udp');
      await using tcp = await relayed('tcp');

      const uptimeMs = await weir.suffer(fault);
      const faultAtMs = beganAtMs + uptimeMs;
      const since = (atMs: number) => (atMs - faultAtMs) / 1000;
      const firstPast = await newcomers.until(
        ({ cameAtMs, way }) => way === 'past' && cameAtMs > faultAtMs,
        startsWithinMs,
      );
      await using stays = await dial('udp');
      await stays.watching(answersWithinMs);
      const readyAfter = ((await weir.readyAfter(uptimeMs)) - uptimeMs) / 1000;
      const relayedAgain = await newcomers.until(
        ({ cameAtMs, way }) => way === 'relayed' && cameAtMs > firstPast.cameAtMs,
        startsWithinMs,
      );
      const seen: Seen = {
        firstPast,
        relayedAgain,
        connectionsEnded: [udp, tcp].map((viewers) => since(viewers.told('ended')[0]?.atMs ?? Number.NaN)),
        readyAfter,
      };
      tell(fault, seen, newcomers.served, since);

      for (const viewers of [udp, tcp]) {
        assert.equal(viewers.told('ended').length, 1, 'a viewer that was relayed is told that it is over');
      }
      assert.ok((await nasErrors()) >= before + 2, 'each of them has a record');
      // Who has begun past the box is not touched.
      const had = await packets(stays);
      while ((await packets(stays)) < had + 3 * light.packetsPerSecond)
        assert.deepEqual(stays.told('ended'), []);
      await stays.teardown();
    });
  }
});

function tell(fault: string, seen: Seen, served: readonly Newcomer[], since: (atMs: number) => number): void {
  const seconds = (value: number) => `${value.toFixed(1)} s`;
  const during = served.filter(({ cameAtMs }) => since(cameAtMs) > 0 && since(cameAtMs) < seen.readyAfter);
  const waits = during.map(({ cameAtMs, mediaAtMs }) => (mediaAtMs - cameAtMs) / 1000).sort((a, b) => a - b);
  const { firstPast, relayedAgain, connectionsEnded, readyAfter } = seen;
  console.log(`      ${fault}: seconds since the fault
        the first newcomer with a picture, past the box: came ${seconds(since(firstPast.cameAtMs))}, had it ${seconds(since(firstPast.mediaAtMs))}
        ${during.length} newcomers until Weir was back waited ${seconds(waits[waits.length >> 1] ?? Number.NaN)} in the median, ${seconds(waits.at(-1) ?? Number.NaN)} at most
        connections of viewers that were relayed ended: ${connectionsEnded.map(seconds).join(', ')}
        ready again: ${seconds(readyAfter)}
        the first newcomer that was relayed again: came ${seconds(since(relayedAgain.cameAtMs))}, picture ${seconds(since(relayedAgain.mediaAtMs))}`);
}
