import assert from 'node:assert/strict';
import { describeError, errorCodes, isWeirError, WeirError } from '#base';

describe('errors of Weir', () => {
  const cause = new Error('ECONNREFUSED');
  const error = new WeirError('ORIGIN_UNREACHABLE', 'no answer', {
    fields: { address: '203.0.113.10', port: 554, bytes: 2n ** 60n, tried: false, errno: undefined },
    advice: 'check the route',
    cause,
  });

  it('carry a code, facts, advice and the cause', () => {
    assert.ok(error instanceof Error);
    assert.equal(error.name, 'WeirError');
    assert.equal(error.code, 'ORIGIN_UNREACHABLE');
    assert.equal(error.fields.port, 554);
    assert.equal(error.advice, 'check the route');
    assert.equal(error.cause, cause);
  });

  it('have no cause, facts or advice unless given', () => {
    const bare = new WeirError('USAGE', 'what?');
    assert.equal('cause' in bare, false);
    assert.deepEqual(bare.fields, {});
    assert.equal(bare.advice, undefined);
    assert.equal(bare.describe(), 'what?');
  });

  it('say in one line what happened, where, and what to do; unknown facts are left out', () => {
    const line =
      'no answer (address=203.0.113.10 port=554 bytes=1152921504606846976 tried=false) -> check the route';
    assert.equal(error.describe(), line);
    assert.equal(describeError(error), line);
    assert.equal(describeError(cause), 'ECONNREFUSED');
    assert.equal(describeError('text'), 'text');
    assert.equal(describeError(undefined), 'undefined');
  });

  it('are told apart by code, never by message', () => {
    assert.equal(isWeirError(error), true);
    assert.equal(isWeirError(error, 'ORIGIN_UNREACHABLE'), true);
    assert.equal(isWeirError(error, 'TIMED_OUT'), false);
    assert.equal(isWeirError({ code: 'ORIGIN_UNREACHABLE', message: 'no answer' }), false);
    assert.equal(isWeirError(undefined), false);
  });

  it('have codes that are listed once, in order', () => {
    assert.deepEqual([...errorCodes], [...new Set(errorCodes)].sort());
  });
});
