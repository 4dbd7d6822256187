import { LinuxBoard } from '../../hal/linux/board.ts';
import { SimBoard } from '../../hal/sim/board.ts';
import { boardContract } from './board.contract.ts';

describe('the simulated board', () => {
  boardContract(() => new SimBoard());
});

describe('the board of Linux', () => {
  boardContract(() => new LinuxBoard());
});
