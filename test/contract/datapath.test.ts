import { datapathContract } from './datapath.contract.ts';
import { simWorld } from './datapath-world.ts';

describe('the simulated datapath', () => {
  datapathContract(simWorld);
});
