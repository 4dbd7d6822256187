import { describeReal } from './describe-real.ts';
import { interceptionContract } from './interception.contract.ts';
import { realInterceptionWorld, simInterceptionWorld } from './interception-world.ts';

describe('the simulated interception', () => {
  interceptionContract(simInterceptionWorld);
});

describeReal('the interception of Linux', import.meta.filename, () => {
  interceptionContract(realInterceptionWorld);
});
