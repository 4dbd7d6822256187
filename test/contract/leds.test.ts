import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isWeirError } from '#base';
import type { LedPattern } from '#hal';
import { LinuxLeds } from '../../hal/linux/leds.ts';
import { LinuxRootVerbs } from '../../hal/linux/root-verbs.ts';
import { SimLeds } from '../../hal/sim/leds.ts';
import { type LedsWorld, ledsContract } from './leds.contract.ts';

const program = join(import.meta.dirname, '..', '..', 'image', 'libexec', 'verb-led');
const names = ['green:status', 'red:alarm'];

describe('simulated LEDs', () => {
  ledsContract(async () => {
    const leds = new SimLeds();
    for (const name of names) leds.put(name);
    const seen = (name: string) => leds.lit(name) ?? assert.fail(name);
    return { leds, seen, [Symbol.asyncDispose]: async () => {} };
  });
});

/** What the files of an LED say, as the kernel's triggers understand them. */
function patternIn(folder: string): LedPattern {
  const read = (name: string) => readFileSync(join(folder, name), 'utf8').trim();
  const trigger = read('trigger');
  if (trigger === 'none') return read('brightness') === '0' ? 'off' : 'on';
  if (trigger === 'heartbeat') return 'double';
  const times = `${read('delay_on')}/${read('delay_off')}`;
  const found = { '1000/1000': 'slow', '250/250': 'fast', '100/1900': 'flash', '60/60': 'flicker' }[times];
  return (found as LedPattern | undefined) ?? assert.fail(`${trigger} ${times}`);
}

/** The program of the image behind its socket, and files in the place of the kernel's. */
async function filesWorld(): Promise<LedsWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-leds-'));
  const at = (name: string) => join(folder, 'sys', 'class', 'leds', name);
  for (const name of names) {
    mkdirSync(at(name), { recursive: true });
    for (const [file, text] of Object.entries({ trigger: 'none', brightness: '0', max_brightness: '255' })) {
      writeFileSync(join(at(name), file), `${text}\n`);
    }
  }
  const env = { ...process.env, WEIR_LEDS: join(at(''), '.'), WEIR_LED_NOTE: join(folder, 'note') };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const verb = spawn('dash', [program], { stdio: ['pipe', 'pipe', 'inherit'], env });
    socket.pipe(verb.stdin);
    verb.stdout.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(join(folder, 'led'), resolve));
  return {
    leds: new LinuxLeds({ rootVerbs: new LinuxRootVerbs({ folder }), sys: join(folder, 'sys') }),
    seen: (name) => patternIn(at(name)),
    [Symbol.asyncDispose]: async () => {
      server.close();
      rmSync(folder, { recursive: true });
    },
  };
}

describe('the LEDs of Linux, by the verb of the image', () => {
  ledsContract(filesWorld);

  it('are not there on a machine without any, and cannot be lit where nobody is asked', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-leds-'));
    const leds = new LinuxLeds({ rootVerbs: new LinuxRootVerbs({ folder }), sys: folder });
    assert.deepEqual(await leds.list(), []);
    await assert.rejects(leds.show('green:status', 'on'), (error) => isWeirError(error, 'NOT_AVAILABLE'));
    rmSync(folder, { recursive: true });
  });
});
