import type { ExitStatus, Host } from '../../src/demo/world/index.ts';
import { Program } from './program.ts';

/** `http`: RTSP and media through HTTP (`application/x-rtsp-tunnelled`). */
export type Transport = 'udp' | 'tcp' | 'http';

/** A player of the field, playing a URL headless: what it decoded, and how it is told to end. */
export interface PlayerKind {
  readonly name: 'ffmpeg' | 'mpv' | 'gstreamer';
  commandLine(url: string, transport: Transport): readonly [string, ...string[]];
  /** A line that tells of a decoded picture gives its fingerprint ('' where the player makes none). */
  pictureOf(line: string): string | undefined;
  /** How a person ends it. */
  quit(program: Program): void;
}

/** One running player. */
export class Player implements AsyncDisposable {
  readonly program: Program;
  /** One entry per decoded picture, in order. */
  readonly pictures: readonly string[];
  /** What it said of pictures it could not decode whole. */
  readonly complaints: readonly string[];
  readonly #kind: PlayerKind;

  private constructor(
    program: Program,
    kind: PlayerKind,
    told: { readonly pictures: readonly string[]; readonly complaints: readonly string[] },
  ) {
    this.program = program;
    this.#kind = kind;
    this.pictures = told.pictures;
    this.complaints = told.complaints;
  }

  static async start(host: Host, kind: PlayerKind, url: string, transport: Transport): Promise<Player> {
    const pictures: string[] = [];
    const complaints: string[] = [];
    const onLine = (line: string) => {
      const picture = kind.pictureOf(line);
      if (picture !== undefined) pictures.push(picture);
      else if (/error while decoding|concealing|corrupt|missed|lost packet/i.test(line))
        complaints.push(line);
    };
    const program = await Program.start(host, kind.commandLine(url, transport), { onLine });
    return new Player(program, kind, { pictures, complaints });
  }

  /** Waits until `count` pictures more than now are decoded. */
  async decodes(count: number, withinMs: number): Promise<void> {
    const goal = this.pictures.length + count;
    await this.program.until(() => this.pictures.length >= goal, withinMs, `${goal} decoded pictures`);
  }

  /** Ends it as a person would and waits for its end. */
  async quit(withinMs = 10_000): Promise<ExitStatus> {
    this.#kind.quit(this.program);
    return await this.program.ended(withinMs);
  }

  close(): Promise<void> {
    return this.program.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
