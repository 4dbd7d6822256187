import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { WeirError } from '#base';

/** Inside: this call returns at once. Outside: the program has run inside and ended so. */
export type SandboxResult = { readonly inside: true } | { readonly inside: false; readonly exitCode: number };

/** Set for everything inside: the pid namespace it was set for, so that a stray variable opens no door. */
const markVariable = 'WEIR_SANDBOX';
const initScript = fileURLToPath(new URL('sandbox-init.ts', import.meta.url));

/**
 * Process 1 of a pid namespace inherits every orphan and must wait for it; Node does not, a shell does. What it
 * starts in the background would read from /dev/null, unless told otherwise.
 */
const reaper = 'exec 4<&0; "$@" <&4 4<&- & wait $!';

/** Sent on to the program inside. Everything else either cannot be caught or is none of its business. */
const forwardedSignals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGWINCH'] as const;

/** True when this process runs in a sandbox made by `enterSandbox`. */
export function insideSandbox(): boolean {
  return process.env[markVariable] === pidNamespace();
}

/** What marks the processes inside; used by the sandbox's init only. */
export function sandboxMark(): Record<string, string> {
  return { [markVariable]: pidNamespace() };
}

/**
 * Runs this same program again where it may do to the network what it likes: own network, mount and pid
 * namespaces, `/run/netns` of its own; for an unprivileged user a user namespace around them. Whatever it makes there
 * goes away with its last process, and its last process goes when this one does, however this one ends: the kernel
 * kills the sandbox's init with its parent (PR_SET_PDEATHSIG) and all the others with their init (pid_namespaces(7)).
 *
 * The sandbox is a session of its own, so that Ctrl-C reaches it once, through us; it still reads and writes the
 * terminal. Rejects with MISSING_PROGRAM or MISSING_RIGHTS when this machine does not allow it.
 */
export async function enterSandbox(argv: readonly string[] = process.argv): Promise<SandboxResult> {
  if (insideSandbox()) return { inside: true };
  const unshare = findUnshare();
  const init = [process.execPath, ...process.execArgv, initScript, ...process.execArgv, ...argv.slice(1)];
  const command = [...unshare, '--', 'sh', '-c', reaper, 'sh', ...init];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...command], {
    detached: true,
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
  });
  const control = child.stdio[3] as Duplex;
  // The other end may close first; its end is told by 'exit'.
  control.on('error', () => {});
  let report = '';
  control.setEncoding('utf8').on('data', (text: string) => {
    report += text;
  });
  const forward = (signal: NodeJS.Signals) => control.write(`${signal}\n`);
  for (const signal of forwardedSignals) process.on(signal, forward);
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      // 'close' and not 'exit': the last report has been read by then.
      child.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
    const signal = /^signal (SIG[A-Z0-9]+)$/m.exec(report)?.[1] as NodeJS.Signals | undefined;
    if (!signal) return { inside: false, exitCode };
    for (const name of forwardedSignals) process.off(name, forward);
    // Whoever started us shall see the same end.
    process.kill(process.pid, signal);
    return { inside: false, exitCode: 128 + constants.signals[signal] };
  } finally {
    for (const signal of forwardedSignals) process.off(signal, forward);
    control.destroy();
  }
}

const pidNamespace = (): string => readlinkSync('/proc/self/ns/pid');

/** The `unshare` command line that works here. Tried with what the sandbox needs, so that a refusal is one clear line. */
function findUnshare(): readonly string[] {
  const spaces = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const asRoot = ['unshare', ...spaces];
  const asUser = ['unshare', '--user', '--map-root-user', ...spaces];
  const trial =
    'mount -t tmpfs tmpfs /run && mkdir /run/netns && ip link set lo up && ip netns add trial && ip netns exec trial true';
  let refusal = '';
  for (const command of process.getuid?.() === 0 ? [asRoot, asUser] : [asUser]) {
    const args = ['--pdeathsig', 'KILL', '--', ...command, '--', 'sh', '-c', trial];
    const tried = spawnSync('setpriv', args, { encoding: 'utf8', timeout: 10_000 });
    if (tried.status === 0) return command;
    if (tried.error && 'code' in tried.error && tried.error.code === 'ENOENT') {
      throw missingProgram('setpriv', 'util-linux', tried.error);
    }
    refusal ||= tried.stderr.trim().split('\n').at(-1) ?? '';
    const missing = /(?:execute|sh: \d+:|sh:) (unshare|ip|mount)\b.*not found|execute (unshare)/.exec(
      tried.stderr,
    );
    if (missing) {
      const name = missing[1] ?? missing[2] ?? '';
      throw missingProgram(name, name === 'ip' ? 'iproute2' : 'util-linux');
    }
  }
  throw new WeirError('MISSING_RIGHTS', 'this system allows no namespaces of our own', {
    fields: { refusal },
    advice: howToAllow(),
  });
}

const missingProgram = (program: string, debianPackage: string, cause?: unknown): WeirError =>
  new WeirError('MISSING_PROGRAM', `the program ${program} is missing`, {
    advice: `apt-get install ${debianPackage}`,
    cause,
  });

/** Distributions close user namespaces with switches of their own; name the one that is closed here. */
function howToAllow(): string {
  const switches = [
    { name: 'kernel/unprivileged_userns_clone', closed: '0', open: '1' },
    { name: 'kernel/apparmor_restrict_unprivileged_userns', closed: '1', open: '0' },
    { name: 'user/max_user_namespaces', closed: '0', open: '10000' },
  ];
  const closed = switches.find(({ name, closed }) => {
    const path = `/proc/sys/${name}`;
    return existsSync(path) && readFileSync(path, 'utf8').trim() === closed;
  });
  const root = 'run it as root with CAP_SYS_ADMIN (in a container: --privileged)';
  return closed ? `${root}, or first: sysctl -w ${closed.name.replaceAll('/', '.')}=${closed.open}` : root;
}
