import assert from 'node:assert/strict';
import { type Closeable, CloseStack } from '#base';

describe('a stack of things to close', () => {
  it('undoes in reverse order, one after the other', async () => {
    const done: string[] = [];
    const stack = new CloseStack();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    stack.defer(() => void done.push('first'));
    stack.defer(async () => {
      await gate;
      done.push('second');
    });
    stack.defer(() => void done.push('third'));
    const closing = stack.close();
    await Promise.resolve();
    assert.deepEqual(done, ['third']);
    open();
    await closing;
    assert.deepEqual(done, ['third', 'second', 'first']);
  });

  it('closes once: a second caller gets the same promise', async () => {
    let closed = 0;
    const stack = new CloseStack();
    stack.defer(() => {
      closed += 1;
    });
    const first = stack.close();
    assert.equal(stack.close(), first);
    assert.equal(stack[Symbol.asyncDispose](), first);
    await first;
    await stack.close();
    assert.equal(closed, 1);
  });

  it('goes on after a failure, and throws the first one at the end, whatever it is', async () => {
    for (const failure of [new Error('first to fail'), undefined]) {
      const done: string[] = [];
      const stack = new CloseStack();
      stack.defer(() => void done.push('kept going'));
      stack.defer(() => {
        throw new Error('second to fail');
      });
      stack.defer(() => Promise.reject(failure));
      await assert.rejects(stack.close(), (thrown) => thrown === failure);
      assert.deepEqual(done, ['kept going']);
      await assert.rejects(stack.close(), (thrown) => thrown === failure);
    }
  });

  it('also undoes what was added while it closes', async () => {
    const done: string[] = [];
    const stack = new CloseStack();
    stack.defer(() => void done.push('first'));
    stack.defer(() => stack.defer(() => void done.push('late')));
    await stack.close();
    assert.deepEqual(done, ['late', 'first']);
  });

  it('takes closeables, hands them back, and ends with `await using`', async () => {
    const done: string[] = [];
    const thing = (name: string): Closeable => ({
      close: async () => void done.push(name),
      [Symbol.asyncDispose]: () => assert.fail('close is the one way to end'),
    });
    {
      await using stack = new CloseStack();
      const first = thing('first');
      assert.equal(stack.use(first), first);
      stack.use(thing('second'));
    }
    assert.deepEqual(done, ['second', 'first']);
  });
});
