import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Alarms, silentLog } from '#base';
import { Configurations, configTree, type Schema } from '../../../src/config/index.ts';
import { freshState, type Surroundings, userClasses } from '../../../src/console/command.ts';
import { CommandTree, orderAt } from '../../../src/console/command-tree.ts';
import { commandGroups, operationalCommands } from '../../../src/console/commands/index.ts';
import { Editing } from '../../../src/console/configuration/editing.ts';
import { configurationTree } from '../../../src/console/configuration/index.ts';
import { matchLine, prospectOf } from '../../../src/console/grammar/index.ts';
import { renderNext } from '../../../src/console/help.ts';
import type { Operations } from '../../../src/console/operations.ts';
import { HandClock } from '../session/scripted.ts';

const operational = new CommandTree(operationalCommands, commandGroups);
const configuration = configurationTree(operational);
/** What completion asks. */
const operations = {
  savedConfigurations: async () => ['site-a'],
  outbox: async () => ({ destinations: [{ destination: 'https', waiting: 1, quarantined: 0 }] }),
  viewers: async () => ({
    viewers: [{ sessionId: '0199-7', viewer: '198.51.100.5', url: 'rtsp://a/live' }],
    ended: [],
  }),
} as unknown as Operations;

describe('every place of every command line', () => {
  let folder: string;
  let configurations: Configurations;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-nodes-'));
    const file = join(folder, 'weir.json');
    const begun = {
      interfaces: { wan: { device: 'wan0' }, access: { device: 'lan0' } },
      relay: { rtsp: { ports: [554] }, feeds: [{ url: 'rtsp://a/**' }, { url: 'rtsp://b/**' }] },
    };
    await writeFile(file, JSON.stringify(begun));
    const clock = new HandClock();
    const alarms = new Alarms({ clock, log: silentLog });
    configurations = await Configurations.open({
      file,
      folder: join(folder, 'config'),
      clock,
      log: silentLog,
      alarms,
    });
  });
  after(async () => {
    await configurations.close();
    await rm(folder, { recursive: true });
  });

  const surroundingsOf = (editing?: Editing): Surroundings => ({
    operations,
    configurations,
    userClass: 'administrator',
    shell: { ...freshState({ who: 'ann', userClass: 'administrator' }), editing },
  });

  /**
   * Walks all lines that choices lead to, and looks at each place on the way as `?`, Tab and Enter do. Values are not made up.
   * Where the same may follow as at a place that was seen, the line is not walked on: behind a value the next one may follow for ever.
   * The number of places.
   */
  async function walk(tree: CommandTree, surroundings: Surroundings): Promise<number> {
    const start = tree.start(surroundings);
    let places = 0;
    const seen = new Set<string>();
    const visit = async (line: string): Promise<void> => {
      places += 1;
      const prospect = await prospectOf(line, start);
      assert.ok(!('mismatch' in prospect), `${line}|`);
      const { next } = prospect;
      assert.ok(next.ends || next.value !== undefined || next.choices.length > 0, `a dead end: ${line}|`);
      // Beside the word, or below one that is too wide.
      assert.match(renderNext(next), /^( {2}\S.* {2}\S.*\n| {2}\S.*\n {4,}\S.*\n)+$/, `${line}|`);
      const words = next.choices.map(({ word }) => word);
      assert.deepEqual(words, [...new Set(words)], `the same word twice: ${line}|`);
      const matching = await matchLine(line, start);
      if (next.ends && 'match' in matching)
        assert.ok(orderAt(matching.match.place, surroundings), `${line}|`);
      else assert.ok(!next.ends && 'mismatch' in matching, `${line}|`);
      const sight = JSON.stringify(next);
      if (seen.has(sight)) return;
      seen.add(sight);
      for (const { word, help } of next.choices) {
        assert.ok(help.length > 0 && !help.endsWith('.'), `${line}${word}: ${help}`);
        const typed = await prospectOf(line + word, start);
        assert.ok(!('mismatch' in typed), `${line}${word}|`);
        assert.ok(typed.insert.trim() === '', `${line}${word} goes on: ${typed.insert}`);
        await visit(`${line}${word} `);
      }
    };
    await visit('');
    return places;
  }

  it('of the operational mode has help, completion and an end', async () => {
    assert.ok((await walk(operational, surroundingsOf())) > operationalCommands.length);
  });

  it('of the configuration mode has help, completion and an end, at every name of the schema', async function () {
    this.timeout(30_000);
    const places = await walk(configuration, surroundingsOf(new Editing(configurations)));
    assert.ok(places > namesOf(configTree), `${places} places`);
  });

  it('shows no user a command that is not theirs, and each at least one', async () => {
    for (const userClass of userClasses) {
      const shell = freshState({ who: 'ann', userClass });
      const start = operational.start({ operations, configurations, userClass, shell });
      const prospect = await prospectOf('', start);
      assert.ok(!('mismatch' in prospect) && prospect.next.choices.length > 0);
      for (const { path, needs } of operationalCommands) {
        const allowed = userClasses.indexOf(userClass) >= userClasses.indexOf(needs);
        const found = await prospectOf(`${path} `, start);
        if (!allowed && 'next' in found) assert.equal(found.next.ends, false, `${userClass}: ${path}`);
        if (allowed) assert.ok('next' in found, `${userClass}: ${path}`);
      }
    }
  });
});

/** Names below a schema that can be walked to without making up a value. */
function namesOf(schema: Schema): number {
  if (schema.type !== 'branch') return 0;
  return Object.values(schema.entries).reduce((total, entry) => total + 1 + namesOf(entry), 0);
}
