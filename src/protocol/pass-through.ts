import { type Clock, describeError, type Log } from '#base';
import type { Datapath, Endpoint, TcpConnection } from '#hal';
import { endStream } from './end-stream.ts';
import { answersLive } from './registry.ts';

const connectMs = 10_000;

export interface PassThroughOptions {
  readonly datapath: Datapath;
  readonly clock: Clock;
  readonly log: Log;
  /** The origin itself answered in no protocol of ours: later connections may go past the box. */
  readonly notLive: (origin: Endpoint) => void;
}

/** Who spoke first on a connection whose viewer was silent. */
export type FirstWord =
  /** The origin, or one side hung up: the connection has been carried to its end. */
  | { readonly by: 'origin' }
  /** The viewer, after all: its connection is still ours. */
  | { readonly by: 'viewer'; readonly bytes: Uint8Array };

/**
 * A connection that is none of ours: it goes on to the origin under the viewer's own address, and through the kernel once
 * both sides have spoken. Only what the *origin* says can show that no live service is there.
 */
export class PassThrough {
  readonly #options: PassThroughOptions;

  constructor(options: PassThroughOptions) {
    this.#options = options;
  }

  /** Opens the other half, from the viewer's address. Undefined: the origin cannot be reached, the viewer's half is ended. */
  async #connect(viewer: TcpConnection): Promise<TcpConnection | undefined> {
    try {
      const origin = await this.#options.datapath.connect({
        remote: viewer.local,
        local: { address: viewer.remote.address, port: 0 },
        transparent: true,
        timeoutMs: connectMs,
      });
      // Those who wait for its bytes listen only as long as they wait: it may break at any time.
      origin.stream.on('error', (error) =>
        this.#options.log.debug('pass-through: origin connection broke', { error: error.message }),
      );
      return origin;
    } catch (error) {
      this.#options.log.debug('pass-through: no origin', { error: describeError(error) });
      viewer.stream.destroy();
      return undefined;
    }
  }

  /**
   * Carries a connection to its end; `first` is what the viewer has said already. With `learn` the origin's answer may
   * show that no live service is there.
   */
  async carry(viewer: TcpConnection, first: Uint8Array, learn: boolean): Promise<void> {
    const origin = await this.#connect(viewer);
    if (!origin) return;
    origin.stream.write(first);
    viewer.stream.pipe(origin.stream, { end: false });
    const answer = await Promise.race([firstBytes(origin), inputOver(viewer)]);
    viewer.stream.unpipe(origin.stream);
    viewer.stream.pause();
    if (learn && answer.length > 0) this.#judge(viewer.local, answer);
    await this.#splice(viewer, origin, answer);
  }

  /**
   * The viewer is silent: perhaps it waits for the origin to speak first. Resolves with the viewer's bytes when it speaks
   * after all; carries the connection to its end when the origin does.
   */
  async listenToBoth(viewer: TcpConnection, patienceMs: number): Promise<FirstWord> {
    const origin = await this.#connect(viewer);
    if (!origin) return { by: 'origin' };
    const silence = Promise.withResolvers<undefined>();
    using _patience = this.#options.clock.after(patienceMs, () => silence.resolve(undefined));
    const word = await Promise.race([
      firstBytes(viewer).then((bytes) => ({ by: 'viewer' as const, bytes })),
      firstBytes(origin).then((bytes) => ({ by: 'origin' as const, bytes })),
      silence.promise,
    ]);
    viewer.stream.pause();
    origin.stream.pause();
    if (word?.by === 'viewer' && word.bytes.length > 0) {
      await endStream(origin.stream);
      return { by: 'viewer', bytes: word.bytes };
    }
    if (word === undefined || word.bytes.length === 0) {
      await Promise.all([endStream(viewer.stream), endStream(origin.stream)]);
      return { by: 'origin' };
    }
    this.#judge(viewer.local, word.bytes);
    await this.#splice(viewer, origin, word.bytes);
    return { by: 'origin' };
  }

  #judge(origin: Endpoint, answer: Uint8Array): void {
    if (!answersLive(answer)) this.#options.notLive(origin);
  }

  async #splice(viewer: TcpConnection, origin: TcpConnection, toViewer: Uint8Array): Promise<void> {
    try {
      const splice = await this.#options.datapath.splice(viewer, origin, { toA: toViewer });
      await splice.ended;
    } catch (error) {
      this.#options.log.debug('pass-through ended', { error: describeError(error) });
      viewer.stream.destroy();
      origin.stream.destroy();
    }
  }
}

/** The first bytes a side sends; none when it hangs up before. The stream is paused afterwards. */
function firstBytes({ stream }: TcpConnection): Promise<Uint8Array> {
  return new Promise((resolve) => {
    const settle = (bytes: Uint8Array) => {
      stream.pause();
      stream.off('data', settle).off('end', hungUp).off('close', hungUp).off('error', hungUp);
      resolve(bytes);
    };
    const hungUp = () => settle(new Uint8Array());
    stream.on('data', settle).on('end', hungUp).on('close', hungUp).on('error', hungUp).resume();
    if (stream.readableEnded || stream.destroyed) hungUp();
  });
}

/** Resolves at the FIN of a side, or its end: the other side shall see it before it has spoken. */
function inputOver({ stream }: TcpConnection): Promise<Uint8Array> {
  return new Promise((resolve) => {
    const over = () => resolve(new Uint8Array());
    if (stream.readableEnded || stream.destroyed) over();
    stream.once('end', over).once('close', over);
  });
}
