import assert from 'node:assert/strict';
import { done, type OriginSession, type Presentation, TerminateCause } from '../../../src/protocol/index.ts';
import { caller, origin, originSays, presentation, proof, Stage, settled, target } from './scripted.ts';

const other = (number: number) => ({ key: `${target.key}?n=${number}`, url: `${target.url}?n=${number}` });
const openSessions = (stage: Stage) => stage.sessions.filter(({ closed }) => !closed).length;

/** An origin that asks for credentials beginning with `good`. */
function guarded(stage: Stage): Stage {
  stage.script.describe = async ({ authorization }) =>
    authorization?.startsWith('good') ? done(presentation()) : originSays(401);
  stage.script.setup = async (given) => (given?.authorization ? done(undefined) : originSays(401));
  stage.script.play = stage.script.setup;
  return stage;
}

describe('SessionMonitor: connections that go away in between', () => {
  it('serves those who waited when the opener hangs up during its DESCRIBE', async () => {
    const stage = new Stage();
    const answer = Promise.withResolvers<void>();
    stage.script.describe = async () => {
      await answer.promise;
      return done(presentation());
    };
    const [opener, waiting] = [caller(1), caller(2)];
    const opening = stage.monitor.describe(opener, target, proof());
    const watching = stage.watch(waiting);
    await settled();
    await stage.monitor.forget(opener);
    answer.resolve();
    assert.ok(!(await opening).ok);
    assert.ok((await watching).ok);
    assert.equal(stage.sessions.length, 1);
    await stage.monitor.forget(waiting);
    await settled();
    assert.equal(stage.monitor.feeds().length, 0, 'the opener holds nothing');
  });

  it('closes a feed whose opener hung up while it was opened and nobody else wants it', async () => {
    const stage = new Stage();
    const answer = Promise.withResolvers<void>();
    stage.script.describe = async () => {
      await answer.promise;
      return done(presentation());
    };
    const opener = caller(1);
    const opening = stage.monitor.describe(opener, target, proof());
    await settled();
    await stage.monitor.forget(opener);
    answer.resolve();
    await opening;
    await stage.clock.pass(1000);
    assert.equal(stage.monitor.feeds().length, 0);
    assert.equal(openSessions(stage), 0);
  });

  it('makes no viewer of a connection that closes while admission is asked', async () => {
    const admitted = Promise.withResolvers<{ admitted: true }>();
    let gate: Promise<{ admitted: true }> = Promise.resolve({ admitted: true });
    const stage = new Stage({ admission: { admit: () => gate } });
    assert.ok((await stage.watch(caller(2))).ok);
    gate = admitted.promise;
    const who = caller(1);
    const joining = stage.monitor.join(who, target, proof());
    await settled();
    await stage.monitor.forget(who);
    admitted.resolve({ admitted: true });
    assert.ok(!(await joining).ok);
    assert.equal(stage.monitor.viewers().length, 1);
  });

  it("closes a connection to the origin on which a viewer's proof was under way when it hung up", async () => {
    const stage = guarded(new Stage());
    assert.ok((await stage.watch(caller(1), 'good one')).ok);
    const answer = Promise.withResolvers<void>();
    stage.script.describe = async () => {
      await answer.promise;
      return done(presentation());
    };
    const who = caller(2);
    const proving = stage.monitor.describe(who, target, proof('good two'));
    await settled();
    await stage.monitor.forget(who);
    answer.resolve();
    assert.ok(!(await proving).ok);
    assert.equal(openSessions(stage), 1);
    assert.equal(stage.monitor.feeds()[0]?.proven.has(who), false);
  });

  it('tells of the end of a viewer only after its place in the feed is closed, also when it was just taken in', async () => {
    const stage = new Stage();
    const taken = Promise.withResolvers<void>();
    stage.takingIn = taken.promise;
    const who = caller(1);
    const watching = stage.watch(who);
    await settled();
    const [viewer] = stage.monitor.viewers();
    const atEnd: string[][] = [];
    viewer?.ended.on(() => atEnd.push([...(stage.paths[0]?.calls ?? ['no path'])]));
    const ending = viewer?.end(TerminateCause.lostCarrier);
    await settled();
    assert.deepEqual(atEnd, []);
    taken.resolve();
    await ending;
    assert.deepEqual(atEnd, [['pause', 'close']]);
    assert.ok(!(await watching).ok);
  });

  it('closes what it is just opening when it is closed', async () => {
    const stage = new Stage();
    const answer = Promise.withResolvers<void>();
    stage.script.describe = async () => {
      await answer.promise;
      return done(presentation());
    };
    const opening = stage.monitor.describe(caller(1), target, proof());
    await settled();
    const closing = stage.monitor.close();
    answer.resolve();
    await Promise.all([opening, closing]);
    assert.equal(openSessions(stage), 0);
    assert.equal(stage.monitor.feeds().length, 0);
  });
});

describe('SessionMonitor: what one viewer can take', () => {
  it('admits no more viewers than configured, however many join at once', async () => {
    const admitted = Promise.withResolvers<{ admitted: true }>();
    const stage = new Stage({ admission: { admit: () => admitted.promise } });
    stage.limits = { ...stage.limits, maxViewers: 5 };
    const joining = Array.from({ length: 20 }, (_, number) =>
      stage.monitor.join(caller(number), target, proof()),
    );
    admitted.resolve({ admitted: true });
    const joined = await Promise.all(joining);
    assert.equal(joined.filter(({ ok }) => ok).length, 5);
    assert.equal(stage.monitor.viewers().length, 5);
  });

  it('closes an origin connection kept for a challenge when the viewer says nothing more', async () => {
    const stage = guarded(new Stage());
    assert.ok(!(await stage.monitor.describe(caller(1), target, proof())).ok);
    assert.equal(openSessions(stage), 1);
    await stage.clock.pass(9000);
    assert.equal(openSessions(stage), 1);
    await stage.clock.pass(3000);
    assert.equal(openSessions(stage), 0);
  });

  it('keeps one origin connection for challenges of a viewer, whatever it asks for', async () => {
    const stage = guarded(new Stage());
    const who = caller(1);
    for (let number = 0; number < 50; number++) await stage.monitor.describe(who, other(number), proof());
    assert.equal(stage.sessions.length, 50);
    assert.equal(openSessions(stage), 1);
  });

  it('opens no more feeds for one viewer address than configured, and goes on for others', async () => {
    const stage = new Stage();
    stage.limits = { ...stage.limits, maxFeedsPerAddress: 3 };
    const outcomes = [];
    for (let number = 0; number < 6; number++) {
      outcomes.push(await stage.monitor.describe(caller(1), other(number), proof()));
    }
    assert.deepEqual(
      outcomes.map(({ ok }) => ok),
      [true, true, true, false, false, false],
    );
    assert.ok((await stage.monitor.describe(caller(2), other(9), proof())).ok);
    await stage.clock.pass(12_000);
    assert.ok(
      (await stage.monitor.describe(caller(1), other(5), proof())).ok,
      'what nobody took is free again',
    );
  });

  it('keeps nothing of an ended viewer that would hold its connection or its feed', async () => {
    const stage = new Stage();
    const watching = await stage.watch(caller(1));
    assert.ok(watching.ok);
    await watching.value.end(TerminateCause.userRequest);
    const [ended] = stage.monitor.endedViewers();
    assert.deepEqual(Object.keys(ended ?? {}).sort(), [
      'counters',
      'facts',
      'outcome',
      'sessionId',
      'state',
      'transport',
    ]);
  });
});

describe('SessionMonitor: signatures', () => {
  it('hands a 401 to the first SETUP to its viewer and goes on over the same session when it signs again', async () => {
    const stage = guarded(new Stage());
    const used = new Set<string>();
    stage.script.setup = async (given) => {
      const once = given?.authorization ?? '';
      return once.startsWith('good') && !used.has(once) && used.add(once) ? done(undefined) : originSays(401);
    };
    used.add('good 1');
    const who = caller(1);
    assert.ok((await stage.monitor.describe(who, target, proof('good 1'))).ok);
    const first = await stage.monitor.join(who, target, proof('good 1'));
    assert.ok(first.ok);
    const refusal = await first.value.setup(0, proof('good 1'));
    assert.ok(!refusal.ok && refusal.refusal.why === 'origin' && refusal.refusal.answer.status === 401);
    await first.value.end(TerminateCause.userRequest);
    await stage.clock.pass(2000);
    const second = await stage.monitor.join(who, target, proof('good 2'));
    assert.ok(second.ok);
    assert.ok((await second.value.setup(0, proof('good 2'))).ok);
    assert.deepEqual(stage.requests, ['DESCRIBE good 1', 'SETUP 0 good 1', 'SETUP 0 good 2']);
  });

  it('moves the upstream over the connection on which its new driver proved itself, from its first SETUP', async () => {
    const stage = guarded(new Stage());
    const [opener, second] = [caller(1), caller(2)];
    await stage.monitor.describe(opener, target, proof());
    assert.ok((await stage.monitor.describe(opener, target, proof('good opener'))).ok);
    assert.ok((await stage.monitor.describe(second, target, proof('good two'))).ok);
    await stage.monitor.forget(opener);
    await settled();
    assert.ok((await stage.watch(second, 'good two')).ok);
    assert.deepEqual(stage.sessions[1]?.requests, [
      'DESCRIBE good two',
      'SETUP 0 good two',
      'SETUP 1 good two',
      'PLAY good two',
    ]);
    assert.equal(stage.sessions[0]?.closed, true);
  });

  it('sets a further track up with the signature of the viewer who wants it, though another one drives', async () => {
    const stage = guarded(new Stage());
    const [driver, second] = [caller(1), caller(2)];
    await stage.monitor.describe(driver, target, proof());
    assert.ok((await stage.monitor.describe(driver, target, proof('good one'))).ok);
    const joined = await stage.monitor.join(driver, target, proof('good one'));
    assert.ok(joined.ok && (await joined.value.setup(0, proof('good one'))).ok);
    assert.ok((await joined.value.play({ tracks: [], range: undefined, proof: proof('good one') })).ok);
    const more = await stage.monitor.join(second, target, proof('good two'));
    assert.ok(more.ok);
    stage.script.setup = async (given) =>
      given?.authorization === 'good fresh' ? done(undefined) : originSays(401);
    const refusal = await more.value.setup(1, proof('good two'));
    assert.ok(!refusal.ok && refusal.refusal.why === 'origin' && refusal.refusal.answer.status === 401);
    assert.ok((await more.value.setup(1, proof('good fresh'))).ok);
    assert.equal(stage.sessions[0]?.requests.at(-1), 'SETUP 1 good fresh');
  });

  it('starts nothing for a viewer that left while it waited for the driver', async () => {
    const stage = guarded(new Stage());
    const opener = caller(1);
    await stage.monitor.describe(opener, target, proof());
    assert.ok((await stage.monitor.describe(opener, target, proof('good opener'))).ok);
    const gone = caller(2);
    const waiting = stage.watch(gone, 'good two');
    await settled();
    await stage.monitor.forget(gone);
    await stage.clock.pass(11_000);
    assert.ok(!(await waiting).ok);
    assert.ok(!stage.requests.some((request) => /^(SETUP|PLAY).*two/.test(request)));
  });
});

describe('SessionMonitor: ends in order', () => {
  it('says farewell after all viewers have ended', async () => {
    const seen: number[] = [];
    const stage: Stage = new Stage({
      farewell: { beforeTeardown: async () => void seen.push(stage.monitor.viewers().length) },
    });
    await Promise.all([1, 2, 3].map((number) => stage.watch(caller(number))));
    await stage.monitor.close();
    assert.deepEqual(seen, [0]);
  });

  it('opens a URL again only after the session before has had its TEARDOWN', async () => {
    const stage = new Stage();
    const watching = await stage.watch(caller(1));
    assert.ok(watching.ok);
    const torn = Promise.withResolvers<void>();
    const before = stage.sessions[0] as OriginSession;
    before.close = () => torn.promise;
    void watching.value.end(TerminateCause.userRequest);
    await settled();
    const next = stage.watch(caller(2));
    await settled();
    assert.equal(stage.sessions.length, 1);
    torn.resolve();
    assert.ok((await next).ok);
    assert.equal(stage.sessions.length, 2);
  });

  it('frees the viewer and the feed when the datapath fails at their end', async () => {
    const stage = new Stage();
    assert.ok((await stage.watch(caller(1))).ok);
    for (const path of stage.paths) path.broken = true;
    const session = stage.sessions[0] as OriginSession;
    session.close = async () => {
      throw new Error('scripted');
    };
    await stage.monitor.kill(stage.monitor.viewers()[0]?.sessionId ?? '');
    await settled();
    assert.equal(stage.monitor.viewers().length, 0);
    assert.equal(stage.monitor.feeds().length, 0);
  });

  it('ends a viewer that cannot be played to', async () => {
    const stage = new Stage();
    const who = caller(1);
    const joined = await stage.monitor.join(who, target, proof());
    assert.ok(joined.ok && (await joined.value.setup(0, proof())).ok);
    assert.ok((await joined.value.play({ tracks: [], range: undefined, proof: proof() })).ok);
    for (const path of stage.paths) path.broken = true;
    await joined.value.begin();
    assert.equal(stage.monitor.endedViewers()[0]?.outcome?.cause, 'nas-error');
  });

  it('refuses another transport to a viewer that has played (RFC 2326 s.10.4)', async () => {
    const stage = new Stage();
    const watching = await stage.watch(caller(1));
    assert.ok(watching.ok && (await watching.value.pause(proof())).ok);
    const again = await watching.value.setup(0, proof());
    assert.ok(!again.ok && again.refusal.why === 'state');
  });
});

describe('SessionMonitor: sources with an end', () => {
  const recording = (stage: Stage): Stage => {
    stage.script.describe = async () => done<Presentation>(presentation(false));
    return stage;
  };

  it('opens a recording again for a viewer that let it go', async () => {
    const stage = recording(new Stage());
    const who = caller(1);
    assert.ok((await stage.monitor.describe(who, target, proof())).ok);
    await stage.clock.pass(12_000);
    assert.equal(stage.monitor.feeds().length, 0);
    let asked = 0;
    stage.script.describe = async () => {
      asked += 1;
      return asked > 3 ? originSays(503) : done(presentation(false));
    };
    assert.ok((await stage.watch(who)).ok);
    assert.equal(asked, 1);
    assert.equal(stage.monitor.feeds().length, 1);
  });

  it('goes on where a recording was paused', async () => {
    const stage = recording(new Stage());
    const watching = await stage.watch(caller(1, origin));
    assert.ok(watching.ok && (await watching.value.pause(proof())).ok);
    assert.ok((await watching.value.play({ tracks: [], range: undefined, proof: proof() })).ok);
    await watching.value.begin();
    assert.deepEqual(stage.paths[0]?.calls, ['play', 'pause', 'play']);
  });
});

describe('Feed', () => {
  it('goes on when one of its tracks says goodbye, and is over when all have (RFC 3550 s.6.6)', async () => {
    const stage = new Stage();
    stage.script.describe = async () => done<Presentation>(presentation(false));
    assert.ok((await stage.watch(caller(1))).ok);
    stage.bye.emit({ track: 1 });
    await settled();
    assert.equal(stage.monitor.viewers().length, 1);
    stage.bye.emit({ track: 0 });
    await settled();
    assert.equal(stage.monitor.endedViewers()[0]?.outcome?.cause, 'lost-service');
  });
});
