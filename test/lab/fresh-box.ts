import { fileURLToPath } from 'node:url';
import type { HostProcess, World } from '../../src/demo/world/index.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Where a box keeps what it is told, and where its console is as long as nobody has said. */
export interface FreshBoxPlaces {
  /** The configuration file; it need not be there. */
  readonly file: string;
  readonly dataDir: string;
  readonly port: string;
}

/** The appliance's daemon with nothing but a console: it is told the rest there. */
export class FreshBox {
  readonly #world: World;
  readonly #places: FreshBoxPlaces;
  readonly #daemon: HostProcess;

  private constructor(world: World, places: FreshBoxPlaces, daemon: HostProcess) {
    this.#world = world;
    this.#places = places;
    this.#daemon = daemon;
  }

  /** Starts it on the box of a world; waits until its console is open. */
  static async start(world: World, places: FreshBoxPlaces): Promise<FreshBox> {
    const { file, dataDir, port } = places;
    const args = [main, 'run', '--config', file, '--data', dataDir, '--console', port];
    const daemon = await world.box.spawn(process.execPath, args, { closeGraceMs: 10_000 });
    await daemon.prints(/"event":"console port open"/, { timeoutMs: 15_000 });
    return new FreshBox(world, places, daemon);
  }

  /** Waits until its log says so. */
  async logs(pattern: RegExp, timeoutMs = 15_000): Promise<void> {
    await this.#daemon.prints(pattern, { timeoutMs });
  }

  /** Has `weir console` carry out lines; what they showed. Rejects when one fails. */
  script(lines: readonly string[]): Promise<string> {
    const args = [main, 'console', '--data', this.#places.dataDir];
    return this.#world.box.run(process.execPath, args, { input: `${lines.join('\n')}\n` });
  }

  /** The power goes. */
  async kill(): Promise<void> {
    this.#daemon.kill('SIGKILL');
    await this.#daemon.exited;
  }

  close(): Promise<void> {
    return this.#daemon.close();
  }
}
