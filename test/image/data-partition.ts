import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { partitionOffset } from '../../image/disk/layout.ts';
import { run, runStatus } from '../power/guest/program.ts';

/** e2fsck's exit status, bits. 1: it had something to put right, and did. */
const mended = [0, 1];
/** 4: more than it may put right unasked. 8: it could not even begin. */
const needsMore = [...mended, 4, 8, 12];
/** So often the initrd has it mended. */
const goes = 3;

/** The data partition of a gateway's disk that no gateway uses, as a device: e2fsck forgets an offset when it has replayed the journal. */
export class DataPartition implements AsyncDisposable {
  readonly #device: string;
  #mountPoint: string | undefined;

  private constructor(device: string) {
    this.#device = device;
  }

  static async of({ file }: { readonly file: string }): Promise<DataPartition> {
    const offset = String(partitionOffset('data'));
    return new DataPartition((await run('losetup', ['--find', '--show', '--offset', offset, file])).trim());
  }

  /** Puts the file system right as the initrd does; whether it took more than is put right without asking. Afterwards there is nothing to find. */
  async repair(): Promise<boolean> {
    const { status } = await runStatus('e2fsck', ['-p', this.#device], { fine: needsMore });
    const repaired = !mended.includes(status);
    if (repaired) await this.#mend();
    await run('e2fsck', ['-fn', this.#device]);
    return repaired;
  }

  async #mend(): Promise<void> {
    for (let go = 1; ; go += 1) {
      const fine = go < goes ? needsMore : mended;
      const { status } = await runStatus('e2fsck', ['-fy', this.#device], { fine });
      if (mended.includes(status)) return;
    }
  }

  /** Where Weir keeps everything. */
  async mount(mountPoint: string): Promise<string> {
    mkdirSync(mountPoint, { recursive: true });
    await run('mount', [this.#device, mountPoint]);
    this.#mountPoint = mountPoint;
    return join(mountPoint, 'weir');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#mountPoint !== undefined) await run('umount', [this.#mountPoint]);
    await run('losetup', ['--detach', this.#device]);
  }
}
