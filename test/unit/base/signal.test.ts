import assert from 'node:assert/strict';
import { Signal } from '#base';

describe('a signal', () => {
  const failing = () => new Signal<number>((error) => assert.fail(String(error)));

  it('tells every listener, in the order they came, until they are disposed of', () => {
    const signal = failing();
    const heard: string[] = [];
    const first = signal.on((fact) => heard.push(`first ${fact}`));
    signal.on((fact) => heard.push(`second ${fact}`));
    signal.emit(1);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    signal.emit(2);
    assert.deepEqual(heard, ['first 1', 'second 1', 'second 2']);
  });

  it('keeps a listener that throws from the emitter and from the other listeners', () => {
    const errors: unknown[] = [];
    const heard: number[] = [];
    const signal = new Signal<number>((error) => errors.push(error));
    const failure = new Error('listener');
    signal.on(() => {
      throw failure;
    });
    signal.on((fact) => heard.push(fact));
    signal.emit(7);
    assert.deepEqual(errors, [failure]);
    assert.deepEqual(heard, [7]);
  });

  it('tells a fact to those that listened when it happened, not to those that come meanwhile', () => {
    const signal = failing();
    const heard: string[] = [];
    signal.on((fact) => {
      if (fact === 1) signal.on((later) => heard.push(`late ${later}`));
    });
    signal.emit(1);
    assert.deepEqual(heard, []);
    signal.emit(2);
    assert.deepEqual(heard, ['late 2']);
  });

  it('is nothing without listeners', () => {
    failing().emit(1);
  });
});
