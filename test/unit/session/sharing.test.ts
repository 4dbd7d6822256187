import assert from 'node:assert/strict';
import { done, refused, TerminateCause } from '../../../src/protocol/index.ts';
import { caller, origin, originSays, presentation, proof, Stage, settled, target } from './scripted.ts';

describe('SessionMonitor: sharing', () => {
  it('opens one upstream session for the first viewer and asks the origin nothing for further ones', async () => {
    const stage = new Stage();
    assert.ok((await stage.watch(caller(1))).ok);
    const afterFirst = [...stage.requests];
    assert.deepEqual(afterFirst, ['DESCRIBE -', 'SETUP 0 -', 'SETUP 1 -', 'PLAY -']);
    for (let number = 2; number <= 20; number++) assert.ok((await stage.watch(caller(number))).ok);
    assert.deepEqual(stage.requests, afterFirst);
    assert.equal(stage.monitor.viewers().length, 20);
    assert.equal(stage.monitor.feeds().length, 1);
  });

  it('opens one upstream session for 1,000 viewers that come at once', async () => {
    const stage = new Stage();
    const slow = Promise.withResolvers<void>();
    stage.script.describe = async () => {
      await slow.promise;
      return done(presentation());
    };
    const watching = Array.from({ length: 1000 }, (_, number) => stage.watch(caller(number)));
    await settled();
    slow.resolve();
    const outcomes = await Promise.all(watching);
    assert.equal(outcomes.filter(({ ok }) => ok).length, 1000);
    assert.deepEqual(stage.requests, ['DESCRIBE -', 'SETUP 0 -', 'SETUP 1 -', 'PLAY -']);
  });

  it('hands the failure of the origin to all who wait, and tries again for the next one', async () => {
    const stage = new Stage();
    const slow = Promise.withResolvers<void>();
    stage.script.describe = async () => {
      await slow.promise;
      return originSays(503);
    };
    const waiting = [1, 2, 3].map((number) => stage.watch(caller(number)));
    await settled();
    slow.resolve();
    for (const outcome of await Promise.all(waiting)) {
      assert.ok(!outcome.ok && outcome.refusal.why === 'origin');
      assert.equal(outcome.refusal.answer.status, 503);
    }
    assert.equal(stage.sessions.length, 1);
    stage.script.describe = async () => done(presentation());
    assert.ok((await stage.watch(caller(4))).ok);
  });

  it('survives an origin session that throws: the viewer is refused, nothing stays locked', async () => {
    const stage = new Stage();
    stage.script.describe = async () => {
      throw new Error('scripted defect');
    };
    const outcome = await stage.watch(caller(1));
    assert.ok(!outcome.ok && outcome.refusal.why === 'bad-answer');
    stage.script.describe = async () => done(presentation());
    assert.ok((await stage.watch(caller(2))).ok);
  });

  it('does not share the URL of one origin address with viewers who dialled another', async () => {
    const stage = new Stage();
    assert.ok((await stage.watch(caller(1))).ok);
    assert.ok((await stage.watch(caller(2, { ...origin, address: '203.0.113.66' }))).ok);
    assert.equal(stage.monitor.feeds().length, 2);
    assert.equal(stage.sessions.length, 2);
  });

  it('gives every viewer of a source that has an end an upstream of its own', async () => {
    const stage = new Stage();
    stage.script.describe = async () => done(presentation(false));
    assert.ok((await stage.watch(caller(1))).ok);
    assert.ok((await stage.watch(caller(2))).ok);
    assert.equal(stage.sessions.length, 2);
    assert.deepEqual(stage.sessions[1]?.requests, stage.sessions[0]?.requests);
    assert.equal(stage.monitor.feeds().length, 2);
  });

  it('pauses and plays again at the origin for a viewer that has the source for itself', async () => {
    const stage = new Stage();
    stage.script.describe = async () => done(presentation(false));
    const watching = await stage.watch(caller(1));
    assert.ok(watching.ok);
    assert.ok((await watching.value.pause(proof())).ok);
    assert.ok((await watching.value.play({ tracks: [], range: 'npt=30-', proof: proof() })).ok);
    assert.deepEqual(stage.requests.slice(3), ['PLAY -', 'PAUSE', 'PLAY -']);
  });

  it('tells the origin nothing when a viewer of a shared source pauses', async () => {
    const stage = new Stage();
    const watching = await stage.watch(caller(1));
    assert.ok(watching.ok);
    const before = stage.requests.length;
    assert.ok((await watching.value.pause(proof())).ok);
    const again = await watching.value.play({ tracks: [], range: undefined, proof: proof() });
    assert.ok(again.ok);
    assert.equal(stage.requests.length, before);
    assert.deepEqual(stage.paths[0]?.calls, ['play', 'pause', 'seek']);
  });

  it('ends the upstream with the last viewer', async () => {
    const stage = new Stage();
    const [one, two] = [await stage.watch(caller(1)), await stage.watch(caller(2))];
    assert.ok(one.ok && two.ok);
    await one.value.end(TerminateCause.userRequest);
    assert.equal(stage.sessions[0]?.closed, false);
    await two.value.end(TerminateCause.userRequest);
    await settled();
    assert.equal(stage.sessions[0]?.closed, true);
    assert.equal(stage.monitor.feeds().length, 0);
  });

  it('lets the upstream linger as long as configured', async () => {
    const stage = new Stage();
    stage.limits = { ...stage.limits, lingerMs: 5000 };
    const one = await stage.watch(caller(1));
    assert.ok(one.ok);
    await one.value.end(TerminateCause.userRequest);
    await stage.clock.pass(4000);
    assert.equal(stage.sessions[0]?.closed, false);
    await stage.clock.pass(3000);
    assert.equal(stage.sessions[0]?.closed, true);
  });

  it('closes a feed that was described and never joined', async () => {
    const stage = new Stage();
    assert.ok((await stage.monitor.describe(caller(1), target, proof())).ok);
    await stage.clock.pass(9000);
    assert.equal(stage.sessions[0]?.closed, false);
    await stage.clock.pass(3000);
    assert.equal(stage.sessions[0]?.closed, true);
  });

  it('refuses what goes beyond the limits of feeds and viewers', async () => {
    const stage = new Stage();
    stage.limits = { ...stage.limits, maxFeeds: 1, maxViewers: 1 };
    assert.ok((await stage.watch(caller(1))).ok);
    const second = await stage.watch(caller(2));
    assert.ok(!second.ok && second.refusal.why === 'not-admitted');
    const other = await stage.monitor.describe(caller(3, { ...origin, port: 8554 }), target, proof());
    assert.ok(!other.ok && other.refusal.why === 'not-admitted');
  });

  it('remembers which origins had a feed', async () => {
    const stage = new Stage();
    assert.equal(stage.monitor.hadFeed(origin), false);
    assert.ok((await stage.watch(caller(1))).ok);
    await stage.monitor.close();
    assert.equal(stage.monitor.hadFeed(origin), true);
  });
});

describe('SessionMonitor: access control', () => {
  const guarded = (stage: Stage) => {
    stage.script.describe = async ({ authorization }) =>
      authorization?.startsWith('good') ? done(presentation()) : originSays(401);
    stage.script.setup = async (given) => (given?.authorization ? done(undefined) : originSays(401));
    stage.script.play = stage.script.setup;
    return stage;
  };

  it('answers a challenge only to the viewer who caused it, and the next one opens', async () => {
    const stage = guarded(new Stage());
    const [anonymous, known] = await Promise.all([
      stage.watch(caller(1)),
      stage.watch(caller(2), 'good two'),
    ]);
    assert.ok(!anonymous.ok && anonymous.refusal.why === 'origin' && anonymous.refusal.answer.status === 401);
    assert.ok(known.ok);
    assert.deepEqual(stage.sessions[1]?.requests, [
      'DESCRIBE good two',
      'SETUP 0 good two',
      'SETUP 1 good two',
      'PLAY good two',
    ]);
  });

  it("proves every further viewer's credentials at the origin by DESCRIBE alone", async () => {
    const stage = guarded(new Stage());
    const one = caller(1);
    assert.ok(!(await stage.watch(one)).ok);
    assert.ok((await stage.watch(one, 'good one')).ok);
    assert.equal(stage.sessions.length, 1, 'challenge and proof share one connection');
    assert.ok(!(await stage.watch(caller(2))).ok);
    assert.ok(!(await stage.watch(caller(3), 'bad')).ok);
    assert.ok((await stage.watch(caller(4), 'good four')).ok);
    assert.equal(stage.monitor.viewers().length, 2);
    assert.deepEqual(
      stage.sessions.slice(1).map(({ requests }) => requests.filter((request) => request !== 'close')),
      [['DESCRIBE -'], ['DESCRIBE bad'], ['DESCRIBE good four']],
    );
  });

  it('keeps a proof for its viewer and for nobody else', async () => {
    const stage = guarded(new Stage());
    assert.ok((await stage.watch(caller(1), 'good one')).ok);
    const joined = await stage.monitor.join(caller(2), target, proof());
    assert.ok(!joined.ok && joined.refusal.why === 'origin' && joined.refusal.answer.status === 401);
  });

  it('asks the origin about further viewers when the first one sent credentials unasked', async () => {
    const stage = new Stage();
    assert.ok((await stage.watch(caller(1), 'unasked')).ok);
    stage.script.describe = async () => originSays(403);
    const second = await stage.watch(caller(2));
    assert.ok(!second.ok && second.refusal.why === 'origin' && second.refusal.answer.status === 403);
  });

  it('lets another proven viewer take over, on its own connection, when the opener says nothing for 10 s', async () => {
    const stage = guarded(new Stage());
    const opener = caller(1);
    await stage.monitor.describe(opener, target, proof());
    assert.ok((await stage.monitor.describe(opener, target, proof('good opener'))).ok);
    const waiting = stage.watch(caller(2), 'good two');
    await stage.clock.pass(9000);
    assert.equal(stage.monitor.viewers()[0]?.state, 'ready');
    await stage.clock.pass(2000);
    const watching = await waiting;
    assert.ok(watching.ok);
    assert.deepEqual(stage.sessions[1]?.requests, [
      'DESCRIBE good two',
      'SETUP 0 good two',
      'SETUP 1 good two',
      'PLAY good two',
    ]);
    assert.equal(stage.sessions[0]?.closed, true);
    assert.equal(stage.sessions[1]?.closed, false);
  });

  it('lets another viewer take over at once when the opener goes away', async () => {
    const stage = guarded(new Stage());
    const opener = caller(1);
    await stage.monitor.describe(opener, target, proof());
    await stage.monitor.describe(opener, target, proof('good opener'));
    const waiting = stage.watch(caller(2), 'good two');
    await settled();
    await stage.monitor.forget(opener);
    assert.ok((await waiting).ok);
  });
});

describe('SessionMonitor: ends', () => {
  it('ends a viewer that gives no sign of life, and counts RTCP as one', async () => {
    const stage = new Stage();
    assert.ok((await stage.watch(caller(1))).ok);
    assert.ok((await stage.watch(caller(2))).ok);
    await stage.clock.pass(50_000);
    const [silent, alive] = stage.paths;
    assert.ok(silent && alive);
    alive.lastRxMonoNs = stage.clock.monoNs();
    await stage.clock.pass(12_000);
    assert.deepEqual(silent.calls, ['play', 'pause', 'close with BYE']);
    assert.deepEqual(alive.calls, ['play']);
    assert.equal(stage.monitor.endedViewers()[0]?.outcome?.cause, 'idle-timeout');
  });

  it('counts progress of its connection as life', async () => {
    const stage = new Stage();
    const watching = await stage.watch(caller(1));
    assert.ok(watching.ok);
    watching.value.progressMonoNs = () => stage.clock.monoNs() - 1_000_000_000n;
    await stage.clock.pass(90_000);
    assert.equal(stage.monitor.viewers().length, 1);
  });

  it('ends a viewer that stays behind the feed for too long, and no other', async () => {
    const stage = new Stage();
    assert.ok((await stage.watch(caller(1))).ok);
    assert.ok((await stage.watch(caller(2))).ok);
    const [slow, recovers] = stage.paths;
    assert.ok(slow && recovers);
    for (const path of [slow, recovers]) path.behindSinceMonoNs = stage.clock.monoNs();
    await stage.clock.pass(15_000);
    recovers.behindSinceMonoNs = 0n;
    await stage.clock.pass(7000);
    assert.deepEqual(slow.calls, ['play', 'pause', 'close with BYE']);
    assert.deepEqual(recovers.calls, ['play']);
    assert.equal(stage.monitor.endedViewers()[0]?.outcome?.cause, 'port-error');
  });

  it('ends a viewer whose port refuses the media', async () => {
    const stage = new Stage();
    assert.ok((await stage.watch(caller(1))).ok);
    stage.paths[0]?.refused.emit({ refusals: 3 });
    await settled();
    assert.equal(stage.monitor.endedViewers()[0]?.outcome?.cause, 'port-error');
    assert.equal(stage.sessions[0]?.closed, true);
  });

  it('ends with a BYE what an operator kills, and only that', async () => {
    const stage = new Stage();
    const one = await stage.watch(caller(1));
    assert.ok(one.ok && (await stage.watch(caller(2))).ok);
    assert.equal(await stage.monitor.kill(one.value.sessionId), true);
    assert.equal(await stage.monitor.kill('no such session'), false);
    assert.deepEqual(stage.paths[0]?.calls, ['play', 'pause', 'close with BYE']);
    assert.deepEqual(stage.paths[1]?.calls, ['play']);
  });

  it('waits for the farewell before the TEARDOWN, but at most 2 s', async () => {
    const calls: string[] = [];
    const farewell = { beforeTeardown: () => new Promise<void>(() => calls.push('farewell')) };
    const stage = new Stage({ farewell });
    const watching = await stage.watch(caller(1));
    assert.ok(watching.ok);
    void watching.value.end(TerminateCause.userRequest);
    await stage.clock.pass(1500);
    assert.deepEqual(calls, ['farewell']);
    assert.equal(stage.sessions[0]?.closed, false);
    await stage.clock.pass(1000);
    assert.equal(stage.sessions[0]?.closed, true);
  });

  it('sends nothing before the start of the session is recorded', async () => {
    const recorded = Promise.withResolvers<void>();
    const stage = new Stage({ sessionStart: { started: () => recorded.promise } });
    const watching = stage.watch(caller(1));
    await settled();
    assert.deepEqual(stage.paths[0]?.calls, []);
    recorded.resolve();
    assert.ok((await watching).ok);
    assert.deepEqual(stage.paths[0]?.calls, ['play']);
  });

  it('records no start of a session that ended while the answer to its PLAY went out', async () => {
    const started: string[] = [];
    const stage = new Stage({
      sessionStart: { started: async ({ sessionId }) => void started.push(sessionId) },
    });
    const watching = await stage.watch(caller(1));
    assert.ok(watching.ok);
    const joined = await stage.monitor.join(caller(2), target, proof());
    assert.ok(joined.ok);
    assert.ok((await joined.value.setup(0, proof())).ok);
    assert.ok((await joined.value.play({ tracks: [], range: undefined, proof: proof() })).ok);
    await joined.value.end(TerminateCause.lostCarrier);
    await joined.value.begin();
    assert.deepEqual(started, [watching.value.sessionId]);
  });

  it('has stopped before what the viewer acknowledges late is counted, and its time ends there', async () => {
    const stage = new Stage();
    const watching = await stage.watch(caller(1));
    const [path] = stage.paths;
    assert.ok(watching.ok && path);
    const acknowledged = Promise.withResolvers<void>();
    path.settled = acknowledged.promise;
    const stoppedMonoNs = stage.clock.monoNs();
    const ending = watching.value.end(TerminateCause.userRequest);
    await watching.value.stopped;
    await stage.clock.pass(700);
    assert.equal(stage.monitor.endedViewers().length, 0);
    path.txBytes = 4242n;
    acknowledged.resolve();
    await ending;
    const [ended] = stage.monitor.endedViewers();
    assert.equal(ended?.counters().txBytes, 4242n);
    assert.equal(ended?.outcome?.endedMonoNs, stoppedMonoNs);
  });

  it('ends a session whose start cannot be recorded, without a packet', async () => {
    const stage = new Stage({ sessionStart: { started: () => Promise.reject(new Error('disk full')) } });
    await stage.watch(caller(1));
    assert.deepEqual(stage.paths[0]?.calls, ['pause', 'close with BYE']);
    assert.equal(stage.monitor.endedViewers()[0]?.outcome?.cause, 'nas-error');
  });

  it('refuses a viewer that admission does not admit, with nothing left behind', async () => {
    const stage = new Stage({
      admission: { admit: async () => ({ admitted: false, why: 'not-admitted', text: 'quota' }) },
    });
    const outcome = await stage.watch(caller(1));
    assert.deepEqual(outcome, refused({ why: 'not-admitted', text: 'quota' }));
    assert.equal(stage.monitor.viewers().length, 0);
    await stage.clock.pass(12_000);
    assert.equal(stage.sessions[0]?.closed, true);
  });

  it('ends everything when it is closed, and refuses from then on', async () => {
    const stage = new Stage();
    assert.ok((await stage.watch(caller(1))).ok);
    await stage.monitor.close();
    assert.equal(stage.sessions[0]?.closed, true);
    assert.equal(stage.monitor.endedViewers()[0]?.outcome?.cause, 'admin-reboot');
    const late = await stage.watch(caller(2));
    assert.deepEqual(late, refused({ why: 'ended' }));
  });
});
