import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

/** One thread of a process, stopped as a debugger stops it, while the others run on. It goes on when this is disposed of. */
export class StoppedThread implements AsyncDisposable {
  readonly #tracer: ChildProcess;

  private constructor(tracer: ChildProcess) {
    this.#tracer = tracer;
  }

  static async stop(pid: number, threadName: string): Promise<StoppedThread> {
    const tid = readdirSync(`/proc/${pid}/task`).find(
      (task) => readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8').trim() === threadName,
    );
    if (tid === undefined) throw new Error(`process ${pid} has no thread ${threadName}`);
    const tracer = spawn('/usr/bin/python3', ['-c', script, tid], { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    tracer.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await Promise.race([once(tracer.stdout, 'data'), once(tracer, 'close')]);
    if (tracer.exitCode !== null) throw new Error(`thread ${threadName} could not be stopped: ${said}`);
    return new StoppedThread(tracer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tracer.stdin?.end();
    await once(this.#tracer, 'close');
  }
}

/** The kernel lets the thread go on when its tracer is gone: at the end of its input, or however else it ends. */
const script = `
import ctypes, os, sys
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
seize, interrupt, any_thread = 0x4206, 0x4207, 0x40000000
tid = int(sys.argv[1])
for request in (seize, interrupt):
    if ptrace(request, tid, None, None) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
os.waitpid(tid, any_thread)
print('stopped', flush=True)
sys.stdin.read()
`;
