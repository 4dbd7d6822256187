import assert from 'node:assert/strict';
import { Pauses, reconnect } from '../../../src/feed/reconnection.ts';
import { done, TerminateCause } from '../../../src/protocol/index.ts';
import { caller, HandClock, originSays, presentation, proof, Stage, settled, target } from './scripted.ts';

/** A stage with one viewer whose source sends until now. */
async function watching(stage = new Stage()) {
  const one = await stage.watch(caller(1));
  assert.ok(one.ok);
  stage.lastRxMonoNs = stage.clock.monoNs();
  return { stage, viewer: one.value };
}

const feedOf = (stage: Stage) => stage.monitor.feeds()[0]?.feed;

describe('Feed: a source that fails', () => {
  it('is opened again beneath its viewers, who notice nothing of the session', async () => {
    const { stage } = await watching();
    stage.sessions[0]?.ended.emit({ text: 'scripted' });
    await settled();
    assert.equal(feedOf(stage)?.reconnecting, true);
    await stage.clock.pass(1000);
    assert.equal(feedOf(stage)?.reconnecting, false);
    // When the source failed, so that nothing more of the old session is taken, and when the new one began.
    assert.equal(stage.resumed, 2);
    assert.deepEqual(stage.sessions[1]?.requests, ['DESCRIBE -', 'SETUP 0 -', 'SETUP 1 -', 'PLAY -']);
    assert.equal(stage.sessions[0]?.closed, true);
    assert.deepEqual(stage.paths[0]?.calls, ['play']);
    assert.equal(feedOf(stage)?.outages().reconnections, 1);
  });

  it('is noticed by its silence', async () => {
    const { stage } = await watching();
    await stage.clock.pass(4500);
    assert.equal(feedOf(stage)?.reconnecting, false);
    await stage.clock.pass(1000);
    assert.notEqual(feedOf(stage)?.outages().withoutMediaMs, 0);
    await stage.clock.pass(1000);
    assert.equal(stage.sessions.length, 2);
  });

  /** Of what a test draws, over and over. */
  const drawing = (...numbers: readonly number[]) => {
    let next = 0;
    return () => numbers[next++ % numbers.length] ?? 0;
  };
  const openedAtMs = (stage: Stage, fromNs: bigint) =>
    stage.openedMonoNs.slice(1).map((atNs) => Number((atNs - fromNs) / 1_000_000n));

  for (const [drawn, pausesMs] of [
    [[0], [238, 475, 950, 1900, 1900]],
    [[1], [188, 375, 750, 1500, 1500]],
    [
      [0, 0.5, 1, 0.25, 0.75],
      [238, 425, 750, 1800, 1600],
    ],
  ] as const) {
    it(`is tried again after 0.25 s, doubling to 2 s, shortened by chance (${drawn.join(', ')})`, async () => {
      const { stage } = await watching();
      stage.script.describe = async () => originSays(404);
      stage.random = drawing(...drawn);
      const fromNs = stage.clock.monoNs();
      stage.sessions[0]?.ended.emit({ text: 'scripted' });
      await settled();
      await stage.clock.pass(5700, 1);
      let atMs = 0;
      assert.deepEqual(
        openedAtMs(stage, fromNs),
        pausesMs.map((pauseMs) => (atMs += pauseMs)),
      );
    });
  }

  it('is back when it sends, and its viewers missed the time from the last media to the first', async () => {
    const { stage } = await watching();
    stage.sends = 'nothing';
    stage.sessions[0]?.ended.emit({ text: 'scripted' });
    await stage.clock.pass(3000, 50);
    assert.deepEqual(stage.sessions[1]?.requests.at(-1), 'PLAY -');
    assert.equal(feedOf(stage)?.reconnecting, true);
    assert.deepEqual(feedOf(stage)?.outages(), { reconnections: 0, withoutMediaMs: 3000 });
    stage.sendMedia();
    await stage.clock.pass(100, 50);
    assert.equal(feedOf(stage)?.reconnecting, false);
    const after = feedOf(stage)?.outages();
    assert.equal(after?.reconnections, 1);
    assert.ok(after.withoutMediaMs >= 3000 && after.withoutMediaMs <= 3100, `${after.withoutMediaMs} ms`);
    await stage.clock.pass(1000, 50);
    assert.deepEqual(feedOf(stage)?.outages(), after);
  });

  it('is not back by packets that are not passed on, for lack of a start point', async () => {
    const { stage } = await watching();
    stage.sends = 'nothing';
    stage.sessions[0]?.ended.emit({ text: 'scripted' });
    for (let second = 0; second < 8; second++) {
      await stage.clock.pass(1000);
      stage.lastRxMonoNs = stage.clock.monoNs();
    }
    assert.equal(stage.sessions.length, 2);
    assert.equal(feedOf(stage)?.reconnecting, true);
  });

  it('is back without a start point when the engine waits for none any more', async () => {
    const { stage } = await watching();
    stage.sends = 'nothing';
    stage.sessions[0]?.ended.emit({ text: 'scripted' });
    for (let second = 0; second < 22; second++) {
      await stage.clock.pass(1000);
      stage.lastRxMonoNs = stage.clock.monoNs();
    }
    await stage.clock.pass(100);
    assert.equal(stage.sessions.length, 2);
    assert.equal(feedOf(stage)?.reconnecting, false);
  });

  it('is back with its first packet where nobody asked for its pictures', async () => {
    const stage = new Stage();
    assert.ok((await stage.monitor.describe(caller(1), target, proof())).ok);
    // Of a source that needs no viewer's signature all tracks would be set up.
    const [first] = stage.sessions;
    assert.ok(first);
    first.signsItself = false;
    assert.ok((await stage.watch(caller(1), undefined, [1])).ok);
    stage.lastRxMonoNs = stage.clock.monoNs();
    stage.sends = 'nothing';
    stage.sessions.at(-1)?.ended.emit({ text: 'scripted' });
    await stage.clock.pass(1000);
    assert.equal(feedOf(stage)?.reconnecting, true);
    stage.lastRxMonoNs = stage.clock.monoNs();
    await stage.clock.pass(250);
    assert.equal(feedOf(stage)?.reconnecting, false);
    assert.deepEqual(stage.sessions.at(-1)?.requests, ['DESCRIBE -', 'SETUP 1 -', 'PLAY -']);
  });

  it('is tried again when it says goodbye before it has answered PLAY', async () => {
    const { stage } = await watching();
    stage.sends = 'nothing';
    const playing = Promise.withResolvers<void>();
    const { play } = stage.script;
    stage.script.play = async (...asked) => {
      await playing.promise;
      return await play(...asked);
    };
    stage.sessions[0]?.ended.emit({ text: 'scripted' });
    await stage.clock.pass(1000);
    for (const track of [0, 1]) stage.bye.emit({ track });
    playing.resolve();
    stage.sends = 'media';
    await stage.clock.pass(1000);
    assert.equal(stage.sessions.length, 3);
    assert.equal(feedOf(stage)?.reconnecting, false);
  });

  it('is not silent while it has not answered PLAY, however long it has been away', async () => {
    const { stage } = await watching();
    stage.random = () => 1;
    const { play } = stage.script;
    stage.script.play = async (...asked) => {
      await stage.clock.sleep(1000);
      return await play(...asked);
    };
    // Noticed by its silence: what it does not send now makes that no longer.
    await stage.clock.pass(8000);
    assert.equal(stage.sessions.length, 2);
    assert.equal(feedOf(stage)?.reconnecting, false);
  });

  it('is asked after growing pauses when it is back for a moment only, and at once after it has sent for a while', async () => {
    const { stage } = await watching();
    stage.random = () => 0;
    const askedAfterMs = async (mediaMs: number) => {
      await stage.clock.pass(mediaMs, 1);
      stage.lastRxMonoNs = stage.clock.monoNs();
      const failedNs = stage.clock.monoNs();
      const asked = stage.openedMonoNs.length;
      stage.sessions.at(-1)?.ended.emit({ text: 'scripted' });
      await settled();
      while (stage.openedMonoNs.length === asked) await stage.clock.pass(1, 1);
      while (feedOf(stage)?.reconnecting) await stage.clock.pass(1, 1);
      return Number(((stage.openedMonoNs.at(-1) ?? 0n) - failedNs) / 1_000_000n);
    };
    const pausesMs: number[] = [];
    for (const mediaMs of [900, 900, 0, 0, 0, 1000, 0]) pausesMs.push(await askedAfterMs(mediaMs));
    assert.deepEqual(pausesMs, [238, 475, 950, 1900, 1900, 238, 475]);
  });

  it('has its viewers kept by a short patience too when it is back for a moment only, again and again', async () => {
    const { stage } = await watching();
    stage.random = () => 1;
    stage.times = { ...stage.times, patienceMs: 1000 };
    for (let outages = 1; outages <= 6; ++outages) {
      stage.sessions.at(-1)?.ended.emit({ text: 'scripted' });
      await stage.clock.pass(1000, 1);
      assert.deepEqual(
        [feedOf(stage)?.reconnecting, feedOf(stage)?.outages().reconnections],
        [false, outages],
      );
    }
  });

  it('is given no more time for one attempt than the patience, however often it has failed', async () => {
    const clock = new HandClock();
    const given: number[] = [];
    const failure = reconnect({
      clock,
      patienceMs: 3_600_000,
      pauses: new Pauses(),
      signal: new AbortController().signal,
      random: () => 1,
      attempt: async (openMs) => {
        given.push(openMs);
        return given.length < 40 ? { kind: 'failed', text: 'scripted' } : { kind: 'resumed' };
      },
    });
    await clock.pass(80_000);
    assert.equal(await failure, undefined);
    assert.equal(given.at(-1), 3_600_000);
  });

  it('ends its viewers when the patience is over while it answers PLAY and sends nothing', async () => {
    const { stage } = await watching();
    stage.sends = 'nothing';
    await stage.clock.pass(29_500);
    assert.equal(stage.monitor.viewers().length, 1);
    const { reconnections, withoutMediaMs } = feedOf(stage)?.outages() ?? {};
    assert.deepEqual([reconnections, withoutMediaMs], [0, 29_500]);
    await stage.clock.pass(1000);
    assert.equal(stage.monitor.endedViewers()[0]?.outcome?.cause, TerminateCause.lostService);
    assert.ok(stage.sessions.every(({ closed }) => closed));
  });

  it('is not asked faster again because it answers PLAY and sends nothing', async () => {
    const { stage } = await watching();
    stage.sends = 'nothing';
    stage.random = () => 0;
    stage.times = { ...stage.times, patienceMs: 60_000 };
    const fromNs = stage.clock.monoNs();
    stage.sessions[0]?.ended.emit({ text: 'scripted' });
    await settled();
    await stage.clock.pass(30_000, 50);
    // Each of them plays at once and is silent for 5 s, which is seen half a second later at most; then a pause.
    const openedMs = openedAtMs(stage, fromNs);
    const pausesMs = openedMs.map((ms, i) => ms - (i === 0 ? 0 : (openedMs[i - 1] ?? 0) + 5000));
    for (const [i, leastMs] of [237, 475, 950, 1900, 1900].entries()) {
      const pauseMs = pausesMs[i] ?? 0;
      assert.ok(pauseMs >= leastMs && pauseMs < leastMs + 550, `pause ${i} of ${pauseMs} ms`);
    }
  });

  it('is tried again when it is lost before its media came', async () => {
    const { stage } = await watching();
    stage.sends = 'nothing';
    stage.sessions[0]?.ended.emit({ text: 'scripted' });
    await stage.clock.pass(500);
    stage.sends = 'media';
    stage.sessions[1]?.ended.emit({ text: 'scripted again' });
    await stage.clock.pass(1000);
    assert.equal(stage.sessions.length, 3);
    assert.equal(stage.sessions[1]?.closed, true);
    assert.deepEqual([feedOf(stage)?.reconnecting, feedOf(stage)?.outages().reconnections], [false, 1]);
  });

  const never = () => new Promise<never>(() => {});

  it('is not waited for in an attempt beyond the patience', async () => {
    const { stage } = await watching();
    stage.script.describe = never;
    stage.sessions[0]?.ended.emit({ text: 'scripted' });
    await stage.clock.pass(29_500);
    assert.equal(stage.monitor.viewers().length, 1);
    await stage.clock.pass(1000);
    assert.equal(stage.monitor.endedViewers()[0]?.outcome?.cause, TerminateCause.lostService);
    assert.ok(stage.sessions.every(({ closed }) => closed));
  });

  it('is asked anew where it does not answer, and given twice the time with every attempt', async () => {
    const { stage } = await watching();
    stage.script.describe = never;
    stage.random = () => 0;
    const fromNs = stage.clock.monoNs();
    stage.sessions[0]?.ended.emit({ text: 'scripted' });
    await settled();
    await stage.clock.pass(29_000, 10);
    // 0.24 + 4 + 0.48 + 8 + 0.95 s
    assert.deepEqual(openedAtMs(stage, fromNs), [240, 4720, 13_670]);
    assert.deepEqual(
      stage.sessions.map(({ closed }) => closed),
      [true, true, true, false],
    );
  });

  it('is not received from by an attempt that was given up before the origin answered', async () => {
    const { stage } = await watching();
    const late = Promise.withResolvers<void>();
    stage.script.setup = async () => {
      await late.promise;
      return done(undefined);
    };
    stage.random = () => 0;
    stage.sessions[0]?.ended.emit({ text: 'scripted' });
    await settled();
    await stage.clock.pass(4500);
    assert.equal(stage.sessions[1]?.closed, true);
    late.resolve();
    await settled();
    assert.equal(stage.resumed, 1);
    assert.ok(!stage.sessions[1]?.requests.includes('PLAY -'));
    await stage.clock.pass(1000);
    assert.deepEqual([stage.resumed, feedOf(stage)?.reconnecting], [2, false]);
  });

  it('is tried once at least, when the patience was over before its silence was long enough', async () => {
    const { stage } = await watching();
    stage.times = { silenceMs: 40_000, patienceMs: 30_000 };
    await stage.clock.pass(42_000);
    assert.equal(stage.monitor.viewers().length, 1);
    assert.deepEqual([feedOf(stage)?.reconnecting, feedOf(stage)?.outages().reconnections], [false, 1]);
  });

  it('ends its viewers with a cause when the patience is over, and is opened anew for the next one', async () => {
    const { stage } = await watching();
    stage.script.describe = async () => originSays(404);
    stage.sessions[0]?.ended.emit({ text: 'scripted' });
    await stage.clock.pass(29_000);
    assert.equal(stage.monitor.viewers().length, 1);
    await stage.clock.pass(2500);
    assert.equal(stage.monitor.endedViewers()[0]?.outcome?.cause, TerminateCause.lostService);
    stage.script.describe = async () => done(presentation());
    assert.ok((await stage.watch(caller(2))).ok);
  });

  for (const [what, change] of [
    ['of another form', { form: 'video H265/90000 96' }],
    ['in packets of another layout (RFC 7798 s.7.1)', { codec: 'h265WithDon' }],
  ] as const) {
    it(`ends its viewers at once when what comes back is ${what}`, async () => {
      const { stage } = await watching();
      const [video, audio] = presentation().tracks;
      assert.ok(video && audio);
      stage.script.describe = async () =>
        done({ ...presentation(), tracks: [{ ...video, ...change }, audio] });
      stage.sessions[0]?.ended.emit({ text: 'scripted' });
      await stage.clock.pass(1000);
      assert.equal(stage.monitor.endedViewers()[0]?.outcome?.cause, TerminateCause.lostService);
    });
  }

  it('ends its viewers at once when no patience is configured', async () => {
    const { stage } = await watching();
    stage.times = { ...stage.times, patienceMs: 0 };
    stage.sessions[0]?.ended.emit({ text: 'scripted' });
    await settled();
    assert.equal(stage.monitor.viewers().length, 0);
  });

  it('ends the viewer of a source that has an end: it has reached it', async () => {
    const stage = new Stage();
    stage.script.describe = async () => done(presentation(false));
    await watching(stage);
    stage.sessions[0]?.ended.emit({ text: 'scripted' });
    await settled();
    assert.equal(stage.monitor.viewers().length, 0);
  });

  it('is given up when its last viewer leaves meanwhile', async () => {
    const { stage, viewer } = await watching();
    stage.script.describe = async () => originSays(404);
    stage.sessions[0]?.ended.emit({ text: 'scripted' });
    await stage.clock.pass(1000);
    await viewer.end(TerminateCause.userRequest);
    await settled();
    const attempts = stage.sessions.length;
    await stage.clock.pass(10_000);
    assert.equal(stage.sessions.length, attempts);
    assert.equal(stage.monitor.feeds().length, 0);
    assert.ok(stage.sessions.every(({ closed }) => closed));
  });

  it('is opened with the signatures it was opened with before', async () => {
    const stage = new Stage();
    assert.ok((await stage.watch(caller(1), 'basic one')).ok);
    stage.sessions[0]?.ended.emit({ text: 'scripted' });
    await stage.clock.pass(1000);
    assert.deepEqual(stage.sessions[1]?.requests, [
      'DESCRIBE basic one',
      'SETUP 0 basic one',
      'SETUP 1 basic one',
      'PLAY basic one',
    ]);
  });

  it('does not count a paused source of one viewer alone as silent', async () => {
    const stage = new Stage();
    stage.script.describe = async () => done(presentation(false));
    const { viewer } = await watching(stage);
    assert.ok((await viewer.pause(proof())).ok);
    await stage.clock.pass(20_000);
    assert.equal(stage.monitor.viewers().length, 1);
  });
});
