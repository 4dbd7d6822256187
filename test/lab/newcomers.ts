import type { World } from '../../src/demo/world/index.ts';
import type { ScriptedOrigin } from './origin-scripted.ts';
import { ScriptedViewers } from './viewers-scripted.ts';

/** A viewer who came while something was wrong; times of the wall clock. */
export interface Newcomer {
  readonly cameAtMs: number;
  readonly mediaAtMs: number;
  /** Past the box the origin knows the viewer's session, relayed only the box's. */
  readonly way: 'past' | 'relayed';
}

/** Whoever has no picture after so long dials again. */
const patienceMs = 5000;

/** Viewers who come one by one until told to stop, and leave with the first picture. */
export class Newcomers implements AsyncDisposable {
  readonly #origin: ScriptedOrigin;
  readonly #viewers: ScriptedViewers;
  readonly #left = new Set<number>();

  private constructor(origin: ScriptedOrigin, viewers: ScriptedViewers) {
    this.#origin = origin;
    this.#viewers = viewers;
  }

  static async start(
    { viewer, origin: { address4 } }: World,
    origin: ScriptedOrigin,
    { everyMs, most }: { everyMs: number; most: number },
  ): Promise<Newcomers> {
    const viewers = await ScriptedViewers.start(viewer.host, {
      url: `rtsp://${address4}/live`,
      sources: Array.from({ length: most }, () => viewer.address4),
      everyMs,
      dialAgainMs: patienceMs,
    });
    return new Newcomers(origin, viewers);
  }

  /** All who have had a picture, in the order in which they came. */
  get served(): readonly Newcomer[] {
    const past = new Set(this.#origin.requests('PLAY').map(({ session }) => session));
    return this.#viewers
      .told('media')
      .map(({ viewer, atMs }) => {
        const dialled = this.#viewers.told('dialled').find((told) => told.viewer === viewer);
        const setups = this.#viewers
          .told('answer')
          .filter((told) => told.viewer === viewer && told.method === 'SETUP');
        const session = setups.at(-1)?.headers.session?.split(';')[0] ?? '';
        const way = past.has(session) ? ('past' as const) : ('relayed' as const);
        return { cameAtMs: dialled?.atMs ?? Number.NaN, mediaAtMs: atMs, way };
      })
      .sort((a, b) => a.cameAtMs - b.cameAtMs);
  }

  /** Waits until one of whom this is true has had a picture. */
  async until(wanted: (newcomer: Newcomer) => boolean, withinMs: number): Promise<Newcomer> {
    let found: Newcomer | undefined;
    const look = () => {
      this.#sendHome();
      found = this.served.find(wanted);
      return found !== undefined;
    };
    await this.#viewers.program.until(look, withinMs, 'the picture of a newcomer');
    if (found === undefined) throw new Error('no newcomer');
    return found;
  }

  /** Who has seen a picture has seen enough. */
  #sendHome(): void {
    const viewers = this.#viewers
      .told('media')
      .map(({ viewer }) => viewer)
      .filter((viewer) => !this.#left.has(viewer));
    for (const viewer of viewers) this.#left.add(viewer);
    if (viewers.length > 0) this.#viewers.command({ command: 'teardown', viewers });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#viewers.close();
  }
}
