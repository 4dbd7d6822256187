export { type SetupText, setup } from './setup.ts';
