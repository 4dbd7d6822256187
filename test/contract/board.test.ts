import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { LinuxBoard } from '../../hal/linux/board.ts';
import { openSyscalls } from '../../hal/linux/syscalls.ts';
import { SimBoard } from '../../hal/sim/board.ts';
import { boardContract } from './board.contract.ts';

/** Prints the clock's state; 5: not synchronised. The structure is larger than any libc's. */
const askLibc = 'import ctypes; print(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)))';

describe('the simulated board', () => {
  boardContract(() => new SimBoard());
});

describe('the board of Linux', () => {
  boardContract(() => new LinuxBoard());

  it('says whether the clock is synchronised as the C library does (adjtimex(2), TIME_ERROR)', async () => {
    const { clockSynchronised } = await openSyscalls();
    const asked = execFileSync('python3', ['-c', askLibc], { encoding: 'utf8' });
    assert.equal(new LinuxBoard({ clockSynchronised }).clockSynchronised(), asked.trim() !== '5');
  });
});
