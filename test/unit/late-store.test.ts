import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { Alarms, isWeirError, silentLog } from '#base';
import { LateStore } from '../../src/late-store.ts';
import { HandClock, settled } from './session/scripted.ts';
import { Folder, open, until } from './storage/box.ts';

describe('LateStore', () => {
  let clock: HandClock;
  let alarms: Alarms;
  let folder: Folder;

  beforeEach(() => {
    clock = new HandClock();
    alarms = new Alarms({ clock, log: silentLog });
    folder = new Folder();
  });
  afterEach(() => folder[Symbol.dispose]());

  const openLate = (path = folder.path) =>
    LateStore.open({ folder: path, bootId: 'boot-a', clock, log: silentLog, alarms, ballastBytes: 4096 });
  const standing = () => alarms.standing().map(({ name, severity }) => `${name} ${severity}`);

  it('is there at once where the disk works', async () => {
    await using late = await openLate();
    assert.match(late.now?.device.id ?? '', /^weir-/);
    assert.deepEqual(standing(), []);
  });

  it('makes the data folder, and not those above it', async () => {
    await using late = await openLate(folder.file('data'));
    assert.ok(late.now);
    await using none = await openLate(folder.file('no/data'));
    assert.equal(none.now, undefined);
    assert.match(alarms.standing()[0]?.text ?? '', /cannot make the data folder/);
  });

  it('is tried again until it opens, with an alarm meanwhile, and told of', async () => {
    mkdirSync(folder.file('weir.lock'));
    await using late = await openLate();
    assert.equal(late.now, undefined);
    assert.deepEqual(standing(), ['storage.unavailable critical']);
    await clock.pass(10_250);
    assert.equal(late.now, undefined);
    rmdirSync(folder.file('weir.lock'));
    const opened = new Promise((resolve) => late.opened.on(resolve));
    // The attempt before may still be under way: then the next one is due later.
    while (!late.now) await clock.pass(1000);
    assert.equal(await opened, late.now);
    assert.deepEqual(standing(), []);
  });

  it('is not waited for longer than 30 s by a box that starts', async () => {
    const opening = openLate();
    // All of it passes before a disk can have answered.
    await clock.pass(30_000, 30_000);
    await using late = await opening;
    const early = [late.now, ...standing()];
    await until('it is open', () => late.now !== undefined);
    assert.deepEqual(early, [undefined, 'storage.unavailable critical']);
    assert.deepEqual(standing(), []);
  });

  it('waits for the key that signed what is there, and makes no other', async () => {
    await (await open(folder.path)).close();
    renameSync(folder.file('device.key'), folder.file('elsewhere'));
    await using late = await openLate();
    assert.equal(late.now, undefined);
    assert.match(alarms.standing()[0]?.text ?? '', /put the key back/);
    renameSync(folder.file('elsewhere'), folder.file('device.key'));
    while (!late.now) await clock.pass(1000);
  });

  it('is refused for good where another Weir has the folder', async () => {
    await using _other = await open(folder.path);
    await assert.rejects(openLate(), (error) => isWeirError(error, 'STORAGE_LOCKED'));
  });

  it('is not tried again after its end', async () => {
    mkdirSync(folder.file('weir.lock'));
    const late = await openLate();
    await late.close();
    rmdirSync(folder.file('weir.lock'));
    await clock.pass(30_000);
    await settled();
    assert.equal(late.now, undefined);
    await (await open(folder.path)).close();
  });
});
