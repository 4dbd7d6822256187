import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LinuxSerialPorts } from '../../hal/linux/serial-ports.ts';
import { hashPassword } from '../../src/console/index.ts';
import type { World } from '../../src/demo/world/index.ts';
import { SerialCable } from '../contract/serial-cable.ts';
import { Operator } from '../operator.ts';
import { createLabWorld } from './lab-world.ts';
import { ScriptedOrigin } from './origin-scripted.ts';
import { Weir } from './weir.ts';

const password = 'correct horse battery';
const manual = join(import.meta.dirname, '..', '..', 'docs', 'console.md');

/** A line that is typed, and what the manual says is shown then; nothing: whatever is. */
interface Step {
  readonly prompt: string;
  readonly line: string;
  readonly shown: readonly string[];
}

/** The examples of the manual. The place that is shown before a prompt of the configuration mode belongs to that prompt. */
function examplesOf(text: string): readonly (readonly Step[])[] {
  return [...text.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map(([, block = '']) => {
    const steps: { prompt: string; line: string; shown: string[] }[] = [];
    const lines = block
      .replaceAll(/^\[edit[^\]]*\]\n(?=\w+@\w+# )/gm, '')
      .trimEnd()
      .split('\n');
    for (const line of lines) {
      const [, prompt, typed] = /^(\w+@\w+[>#] )(.*)$/.exec(line) ?? [];
      if (prompt !== undefined && typed !== undefined) steps.push({ prompt, line: typed, shown: [] });
      else steps.at(-1)?.shown.push(line);
    }
    return steps;
  });
}

describe('lab: the manual of the console', function () {
  this.timeout(120_000);
  let world: World;
  let cable: SerialCable;
  let weir: Weir;
  let origin: ScriptedOrigin;

  before(async () => {
    world = await createLabWorld();
    cable = await SerialCable.plugIn();
    origin = await ScriptedOrigin.start(world.origin.host, { port: 554 });
    const users = [{ name: 'ann', class: 'administrator', passwordHash: await hashPassword(password) }];
    weir = await Weir.start(world, { system: { name: 'box7', users }, console: { port: cable.near } });
  });
  after(async () => {
    await weir?.close();
    await origin?.close();
    await cable?.[Symbol.asyncDispose]();
    await world?.close();
  });

  it('has no example that does not run as it is written', async () => {
    const examples = examplesOf(await readFile(manual, 'utf8'));
    assert.ok(examples.flat().length > 30, `${examples.flat().length} lines`);
    await using port = await new LinuxSerialPorts().open({ path: cable.far, baud: 115_200 });
    const ann = new Operator(port.stream, 20_000);
    ann.type('\x03');
    await ann.logIn('ann', password);
    // A page is never full.
    ann.type('\x1b[500;200R');
    for (const example of examples) {
      for (const { prompt, line, shown } of example) {
        assert.ok(ann.transcript.endsWith(prompt), `${prompt}${line}: ${ann.transcript.slice(-80)}`);
        const answer = (await ann.command(line)).replaceAll(cable.near, '/dev/ttyS0');
        assert.doesNotMatch(answer, /^error: |^ +\^$/m, line);
        if (shown.length === 0) continue;
        assert.deepEqual(answer.trimEnd().split('\n').map(trimmed), shown.map(trimmed), line);
      }
      assert.match(ann.transcript, /box7> $/, 'an example ends where it began');
    }
  });
});

const trimmed = (line: string): string => line.trimEnd();
