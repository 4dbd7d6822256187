export { Host, type RunOptions } from './host.ts';
export { type ExitStatus, HostProcess, type HostProcessOptions } from './host-process.ts';
export { enterSandbox, insideSandbox, type SandboxResult } from './sandbox.ts';
export { createWorld, type Station, type Viewer, type World, type WorldOptions } from './world.ts';
