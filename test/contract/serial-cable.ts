import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Two pseudo-terminals, each the other's far end: what a null-modem cable between two serial ports is. */
export class SerialCable implements AsyncDisposable {
  readonly near: string;
  readonly far: string;
  readonly #folder: string;
  readonly #socat: ChildProcess;

  private constructor(folder: string, socat: ChildProcess) {
    this.#folder = folder;
    this.near = join(folder, 'near');
    this.far = join(folder, 'far');
    this.#socat = socat;
  }

  static async plugIn(folder?: string): Promise<SerialCable> {
    // Below /dev, as a configuration names devices only there.
    const place = folder ?? (await mkdtemp('/dev/shm/weir-cable-'));
    const ends = ['near', 'far'].map((name) => `pty,raw,echo=0,link=${join(place, name)}`);
    const socat = spawn('socat', ['-d', '-d', ...ends], { stdio: ['ignore', 'ignore', 'pipe'] });
    const cable = new SerialCable(place, socat);
    let said = '';
    await new Promise<void>((resolve) => {
      // Read for as long as it lives: it says more later, and would die of a pipe that nobody reads.
      socat.stderr.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (said.includes('starting data transfer loop')) resolve();
      });
      socat.once('exit', () => resolve());
    });
    if (!existsSync(cable.near) || !existsSync(cable.far)) throw new Error(`socat made no cable: ${said}`);
    return cable;
  }

  get folder(): string {
    return this.#folder;
  }

  /** Both devices go. */
  async pull(): Promise<void> {
    if (this.#socat.exitCode !== null || this.#socat.signalCode !== null) return;
    this.#socat.kill('SIGKILL');
    await once(this.#socat, 'exit');
    await Promise.all([this.near, this.far].map((path) => rm(path, { force: true })));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pull();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
