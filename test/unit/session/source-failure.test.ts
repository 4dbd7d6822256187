import assert from 'node:assert/strict';
import { done, TerminateCause } from '../../../src/protocol/index.ts';
import { caller, originSays, presentation, proof, Stage, settled } from './scripted.ts';

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

  it('is tried again after 0.25 s, doubling to 2 s, until it is back', async () => {
    const { stage } = await watching();
    stage.script.describe = async () => originSays(404);
    stage.sessions[0]?.ended.emit({ text: 'scripted' });
    await stage.clock.pass(20_000, 50);
    const attempts = stage.sessions.length - 1;
    assert.ok(attempts >= 11 && attempts <= 16, `${attempts} attempts in 20 s`);
    stage.script.describe = async () => done(presentation());
    await stage.clock.pass(2500, 50);
    assert.equal(feedOf(stage)?.reconnecting, false);
    const { withoutMediaMs } = feedOf(stage)?.outages() ?? {};
    assert.ok(withoutMediaMs && withoutMediaMs >= 20_000 && withoutMediaMs < 22_500, `${withoutMediaMs} ms`);
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
