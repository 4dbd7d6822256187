import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isWeirError } from '#base';
import { LinuxRootVerbs } from '../../hal/linux/root-verbs.ts';
import { SimRootVerbs } from '../../hal/sim/root-verbs.ts';
import { type RootVerbsWorld, rootVerbsContract } from './root-verbs.contract.ts';

describe('simulated root verbs', () => {
  rootVerbsContract(async () => {
    const rootVerbs = new SimRootVerbs();
    rootVerbs.verbs.set('update', (words) =>
      words.includes('break') ? { reason: 'broken', text: 'it is broken: all of it' } : words,
    );
    return { rootVerbs, [Symbol.asyncDispose]: async () => {} };
  });
});

/** Stands for systemd and the units behind its sockets. */
async function socketWorld(answer: (words: readonly string[]) => string): Promise<RootVerbsWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-verbs-'));
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('end', () => socket.end(answer(text.replace(/\n$/, '').split('\t'))));
  });
  await new Promise<void>((resolve) => server.listen(join(folder, 'update'), resolve));
  return {
    rootVerbs: new LinuxRootVerbs({ folder }),
    [Symbol.asyncDispose]: async () => {
      server.close();
      rmSync(folder, { recursive: true });
    },
  };
}

describe('root verbs behind sockets', () => {
  rootVerbsContract(() =>
    socketWorld((words) =>
      words.includes('break')
        ? 'trying\nfailed broken it is broken: all of it\n'
        : `${words.join('\n')}\nok\n`,
    ),
  );

  it('has succeeded when it said so, also when its process ended without a look at the words', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-verbs-'));
    // Ended with bytes that nobody read, a Unix socket is reset.
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      socket.on('error', () => {});
      socket.write('ok\n', () => setImmediate(() => socket.destroy()));
    });
    await new Promise<void>((resolve) => server.listen(join(folder, 'reboot'), resolve));
    try {
      for (let time = 0; time < 20; time += 1) {
        assert.deepEqual(await new LinuxRootVerbs({ folder }).run('reboot', []), []);
      }
    } finally {
      server.close();
      rmSync(folder, { recursive: true });
    }
  });

  for (const [name, text] of [
    ['says nothing at all', ''],
    ['is killed in the middle', '10 %\n20 %'],
    ['says ok, and then something else', 'ok\nkilled\n'],
  ] as const) {
    it(`did not succeed when its process ${name}`, async () => {
      await using world = await socketWorld(() => text);
      await assert.rejects(world.rootVerbs.run('update', []), (error) => {
        assert.ok(isWeirError(error, 'VERB_FAILED'));
        assert.equal(error.fields.reason, 'broken-off');
        return true;
      });
    });
  }
});
