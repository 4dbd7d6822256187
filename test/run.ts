/**
 * `npm test [-- FILE... | MOCHA-OPTION...]`: mocha inside namespaces of its own (mounts, network, processes), so
 * that whatever a test leaves behind, or a test that is killed, is gone when this ends.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/**
 * First process in the namespaces; a shell, because it also buries orphans. `/run` becomes private for
 * `ip netns add`; `/sys` is mounted again to show the NICs of the new network namespace. The variable tells
 * `createWorld` that it may build here.
 */
const inside = `
ip link set lo up &&
mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/netns || exit 1
mount -t sysfs sysfs /sys 2>/dev/null
export WEIR_SANDBOX="$(readlink /proc/self/ns/pid)"
"$@"
exit $?`;

function mochaArguments(given: readonly string[]): readonly string[] {
  const named = given.some((arg) => arg.endsWith('.test.ts') || (!arg.startsWith('-') && existsSync(arg)));
  const specs = named ? [] : ['test/{unit,contract,native,fuzz,lab}/**/*.test.ts'];
  const mocha = join(root, 'node_modules', 'mocha', 'bin', 'mocha.js');
  return [mocha, '--extension', 'ts', '--timeout', '30000', '--fail-zero', '--exit', ...given, ...specs];
}

const kinds = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
const child = spawn(
  'unshare',
  [...kinds, ...asRoot, 'sh', '-c', inside, 'sh', process.execPath, ...mochaArguments(process.argv.slice(2))],
  { cwd: root, stdio: 'inherit', env: { ...process.env, WEIR_TEST_SANDBOX: '1' } },
);

// unshare ignores these two; killing it ends, by --kill-child, the first process and with it all others.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    process.exitCode = 128 + constants.signals[signal];
    child.kill('SIGKILL');
  });
}
child.on('error', (error) => {
  console.error(`test: cannot start unshare: ${error.message} -> npm run pretest`);
  process.exitCode = 1;
});
child.on('exit', (status) => {
  process.exitCode ??= status ?? 1;
});
