import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { silentLog } from '#base';
import { ControlServer } from '../../../src/status/index.ts';

const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
const weir = (...args: string[]) => promisify(execFile)(process.execPath, [main, ...args]);

describe('weir show', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-show-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('prints what the daemon of the data folder tells', async () => {
    const commands = { 'show relay': async () => ({ feeds: [] }) };
    await using _server = await ControlServer.open(join(folder, 'control.sock'), { commands }, silentLog);
    assert.deepEqual(JSON.parse((await weir('show', 'relay', '--data', folder)).stdout), { feeds: [] });
  });

  it('says that no daemon answers, with exit status 1', async () => {
    await assert.rejects(
      weir('show', 'relay', '--data', join(folder, 'none')),
      (error: { code: number; stderr: string }) => {
        assert.equal(error.code, 1);
        assert.match(error.stderr, /^weir: no Weir answers at .*-> is it running/);
        return true;
      },
    );
  });

  it('says what is missing on the command line, with exit status 2', async () => {
    await assert.rejects(weir('show', '--data', folder), { code: 2 });
    await assert.rejects(weir('show', 'relay'), { code: 2 });
  });
});
