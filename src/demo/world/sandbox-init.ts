/**
 * The first program of a sandbox: gives it a private `/run/netns` and a loopback, starts the program,
 * hands signals on, and ends with it. The end of this process is the end of all others inside (process 1, a shell, waits
 * for it). Started by
 * `enterSandbox` only; file descriptor 3 leads there, and when it closes, whoever wanted the sandbox is gone.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { sandboxMark } from './sandbox.ts';

// `ip netns` keeps its names in /run/netns. Where the machine has none, none may be left behind: then all of /run
// is ours (nothing inside talks to the machine's services).
const namesDirectory = '/run/netns';
execFileSync('mount', [
  '-t',
  'tmpfs',
  '-o',
  'mode=755',
  'tmpfs',
  existsSync(namesDirectory) ? namesDirectory : '/run',
]);
mkdirSync(namesDirectory, { recursive: true });
execFileSync('ip', ['link', 'set', 'lo', 'up']);

const control = new Socket({ fd: 3 });
control.on('error', () => process.exit(1));
control.on('close', () => process.exit(1));

const main = spawn(process.execPath, process.argv.slice(2), {
  stdio: 'inherit',
  env: { ...process.env, ...sandboxMark() },
});
createInterface({ input: control }).on('line', (signal) => main.kill(signal as NodeJS.Signals));

main.once('exit', (code, signal) => {
  if (!signal) process.exit(code ?? 1);
  control.write(`signal ${signal}\n`, () => process.exit(128 + constants.signals[signal]));
});
