export { billedOf, Meter, type UsageSample } from './meter.ts';
