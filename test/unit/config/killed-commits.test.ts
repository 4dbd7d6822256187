import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '#base';
import { randomOf } from '../../random.ts';
import { BoxFolder } from './box-folder.ts';

const committer = fileURLToPath(new URL('committer-process.ts', import.meta.url));
const kills = Number(process.env.CONFIG_KILLS ?? 20);
const seed = Number(process.env.CONFIG_SEED ?? 1);

/** What a child has said until it was killed. */
async function killedChild(
  folder: BoxFolder,
  from: number,
  order: string,
  when: { readonly lines: number; readonly ms: number },
): Promise<readonly string[]> {
  const args = [committer, folder.path, String(from), order];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  const ended = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === when.lines) setTimeout(() => child.kill('SIGKILL'), when.ms);
  }
  const [code, signal] = await ended;
  assert.deepEqual([code, signal], [null, 'SIGKILL'], lines.join('\n'));
  return lines;
}

async function nameOnDisk(folder: BoxFolder): Promise<string> {
  const tree = (await folder.read().catch(() => undefined)) as { system: { name: string } } | undefined;
  return tree?.system.name ?? '-';
}

describe('a box that is killed while it commits', () => {
  it('begins with what was in force before or with the whole commit, and says what it took back', async function () {
    this.timeout(kills * 6000);
    const random = randomOf(seed);
    await using folder = await BoxFolder.make();
    let durable = '-';
    let number = 1;
    for (let kill = 0; kill < kills; kill++) {
      const order = Array.from({ length: 8 }, () => 'pct'[Math.floor(random() * 3)]).join('');
      // While it reads what is there, or in any of some ten commits, which take a few milliseconds each.
      const when = { lines: 1 + Math.floor(random() * 24), ms: random() * 8 };
      const lines = await killedChild(folder, number, order, when);
      const may = new Set([durable]);
      let tried: string | undefined;
      for (const line of lines) {
        const [what, name = ''] = line.split(' ');
        if (what === 'opened') assert.equal(name, durable);
        if (what === 'tries' || what === 'tried') tried = what === 'tried' ? name : undefined;
        if (what === 'commits') may.add(name);
        if (what === 'committed') {
          durable = name;
          may.clear();
          may.add(name);
          tried = undefined;
        }
        const at = Number(/^n(\d+)$/.exec(name)?.[1] ?? 0);
        number = Math.max(number, at + 1);
      }
      const { configurations, alarms } = await folder.open(systemClock);
      const context = `kill ${kill} of seed ${seed}:\n${lines.join('\n')}`;
      const name = configurations.config?.system.name ?? '-';
      assert.ok(may.has(name), `${name} is in force; ${context}`);
      const standing = alarms.standing().map(({ name }) => name);
      assert.ok(!standing.includes('config.damaged'), context);
      const isTried = tried !== undefined && name === durable;
      if (isTried) {
        assert.deepEqual(standing, ['config.reverted'], context);
        assert.ok(configurations.reverted()?.changes.includes(`+   name ${tried};`), context);
      }
      assert.equal(await nameOnDisk(folder), name, context);
      const [newest] = configurations.history();
      if (newest) assert.deepEqual((await configurations.rollback(0)).tree, configurations.tree, context);
      durable = name;
      await configurations.close();
    }
    assert.ok(number > kills, 'the child hardly got to commit anything');
  });
});
