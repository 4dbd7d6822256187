import assert from 'node:assert/strict';
import { Alarms, isWeirError, silentLog, Turn } from '#base';
import {
  applyStages,
  type Config,
  PlannedStage,
  parseConfig,
  type Stage,
} from '../../../src/config/index.ts';
import { HandClock, settled } from '../session/scripted.ts';
import { smallest } from './box-folder.ts';

const portsOf = (ports: number[], rest = {}): Config =>
  parseConfig({ ...smallest, ...rest, relay: { rtsp: { ports } } });

describe('stages', () => {
  const calls: string[] = [];
  const stage = (name: string, fails?: 'apply' | 'undo'): Stage => ({
    name,
    apply: async () => {
      calls.push(name);
      if (fails === 'apply') throw new Error(`${name} fails`);
      return async () => {
        calls.push(`undo ${name}`);
        if (fails === 'undo') throw new Error(`${name} stays`);
      };
    },
  });
  const config = parseConfig(smallest);

  beforeEach(() => {
    calls.length = 0;
  });

  it('are applied in order, and undone in reverse when one fails', async () => {
    await assert.rejects(applyStages([stage('a'), stage('b'), stage('c', 'apply')], config), /c fails/);
    assert.deepEqual(calls, ['a', 'b', 'c', 'undo b', 'undo a']);
    const undo = await applyStages([stage('d')], config);
    await undo();
    assert.deepEqual(calls.slice(5), ['d', 'undo d']);
  });

  it('that cannot be undone when one fails say so: the box is neither as it was nor as it shall be', async () => {
    await assert.rejects(
      applyStages([stage('a'), stage('b', 'undo'), stage('c', 'apply')], config),
      (error) => isWeirError(error, 'CONFIG_HALF_APPLIED') && /c fails.*b stays/.test(error.describe()),
    );
    assert.deepEqual(calls, ['a', 'b', 'c', 'undo b', 'undo a']);
  });
});

describe('a stage with a plan', () => {
  let clock: HandClock;
  let alarms: Alarms;
  let applied: string[];
  /** What bringing it to a plan waits for, or fails with. */
  let hindrance: (plan: string) => Promise<void>;
  let device: string;
  let stage: PlannedStage<string>;

  beforeEach(() => {
    clock = new HandClock();
    alarms = new Alarms({ clock, log: silentLog });
    applied = [];
    hindrance = async () => {};
    device = 'eth0';
    stage = new PlannedStage({
      name: 'ports',
      turn: new Turn({ name: 'ports', limitMs: 30_000, alarm: 'config.stuck', clock, alarms }),
      planOf: ({ relay }) => `${device}: ${relay.rtsp.ports.join(' ')}`,
      apply: async (plan) => {
        await hindrance(plan);
        applied.push(plan);
      },
    });
  });

  /** Applying hangs until what is returned is called. */
  const hang = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    hindrance = () => promise;
    return () => {
      hindrance = async () => {};
      resolve();
    };
  };
  const giveUp = async (applying: Promise<unknown>, pattern: RegExp) => {
    const given = assert.rejects(
      applying,
      (error) => isWeirError(error, 'TIMED_OUT') && pattern.test(error.describe()),
    );
    await settled();
    await clock.pass(30_000, 10_000);
    await given;
  };
  const standing = () => alarms.standing().map(({ name, subject }) => `${name} ${subject}`);

  it('touches nothing when it is the same, and goes back to what was planned before', async () => {
    await stage.apply(portsOf([554]));
    await stage.apply(portsOf([554], { system: { name: 'other' } }));
    assert.deepEqual(applied, ['eth0: 554']);
    const undo = await stage.apply(portsOf([8554]));
    device = 'eth0.7';
    await undo();
    assert.deepEqual(applied.splice(1), ['eth0: 8554', 'eth0: 554']);
    await stage.apply(portsOf([554]));
    assert.deepEqual(applied.splice(1), ['eth0.7: 554']);
  });

  it('that is not there in time is given up, and back at what was before as soon as it is over', async () => {
    await stage.apply(portsOf([554]));
    const goOn = hang();
    await giveUp(stage.apply(portsOf([8554])), /^ports: not over after 30 s/);
    assert.deepEqual(standing(), ['config.stuck ports']);
    // What is the same for this stage is committed all the same; anything else is not begun twice.
    await stage.apply(portsOf([554], { system: { name: 'other' } }));
    await assert.rejects(stage.apply(portsOf([10_554])), /busy still/);
    goOn();
    await settled();
    assert.deepEqual(applied, ['eth0: 554', 'eth0: 8554', 'eth0: 554']);
    assert.deepEqual(standing(), []);
    await stage.apply(portsOf([10_554]));
    assert.equal(applied.at(-1), 'eth0: 10554');
  });

  it('that is not brought back in time is when it is over, and can be brought anywhere then', async () => {
    await stage.apply(portsOf([554]));
    const undo = await stage.apply(portsOf([8554]));
    const goOn = hang();
    await giveUp(undo(), /not over after 30 s/);
    goOn();
    await settled();
    assert.deepEqual(applied, ['eth0: 554', 'eth0: 8554', 'eth0: 554']);
    await stage.apply(portsOf([554]));
    assert.equal(applied.length, 3);
    assert.deepEqual(standing(), []);
  });

  it('that could not be brought back is not taken for what it was to be', async () => {
    await stage.apply(portsOf([554]));
    const undo = await stage.apply(portsOf([8554]));
    hindrance = () => Promise.reject(new Error('netlink is deaf'));
    await assert.rejects(undo(), /deaf/);
    hindrance = async () => {};
    await stage.apply(portsOf([8554]));
    assert.deepEqual(applied, ['eth0: 554', 'eth0: 8554', 'eth0: 8554']);
  });
});
