import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const program = join(import.meta.dirname, '..', '..', '..', 'image', 'libexec', 'verb-led');

describe('what Weir may ask of LEDs', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-leds-'));
    mkdirSync(join(folder, 'leds', 'green:status'), { recursive: true });
    put('trigger', 'none');
    put('brightness', '0');
    put('max_brightness', '15');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const file = (name: string) => join(folder, 'leds', 'green:status', name);
  const put = (name: string, text: string) => writeFileSync(file(name), `${text}\n`);
  const read = (name: string) => readFileSync(file(name), 'utf8').trim();
  const run = (input: string, ...args: readonly string[]) => {
    const env = {
      PATH: process.env.PATH,
      WEIR_LEDS: join(folder, 'leds'),
      WEIR_LED_NOTE: join(folder, 'note'),
    };
    return spawnSync('dash', [program, ...args], { encoding: 'utf8', input, env });
  };
  const ask = (...words: readonly string[]) => run(`${words.join('\t')}\n`).stdout;

  it('is to light them, as bright as they can be', () => {
    assert.equal(ask('green:status', 'on'), 'ok\n');
    assert.deepEqual([read('trigger'), read('brightness')], ['none', '15']);
    assert.equal(ask('green:status', 'slow'), 'ok\n');
    assert.deepEqual([read('trigger'), read('delay_on'), read('delay_off')], ['timer', '1000', '1000']);
  });

  it('is nothing outside of the folder of LEDs, and no more words than two', () => {
    mkdirSync(join(folder, 'other'));
    for (const words of [
      ['../other', 'on'],
      ['.', 'on'],
      ['..', 'on'],
      ['green:status', 'on', 'more'],
      ['green:status', 'bright'],
      ['green:status'],
      ['green:status', '$(reboot)'],
    ]) {
      assert.match(ask(...words), /^failed usage /, words.join(' '));
    }
    assert.match(ask('', 'on'), /^failed missing /);
    assert.match(run('').stdout, /^failed usage /);
    assert.match(ask('red:alarm', 'on'), /^failed missing /);
    assert.equal(existsSync(join(folder, 'note')), false);
  });

  it('fails when the kernel refuses', () => {
    rmSync(file('trigger'));
    mkdirSync(file('trigger'));
    assert.match(ask('green:status', 'double'), /^failed refused /);
  });

  it('ends with an LED that does not say that all is well', () => {
    assert.deepEqual([run('', 'ended').status, run('', 'ended').stdout], [0, '']);
    assert.equal(read('brightness'), '0');
    ask('green:status', 'on');
    assert.equal(run('', 'ended').status, 0);
    assert.deepEqual([read('trigger'), read('delay_on')], ['timer', '250']);
  });

  it('ends well, too, on a board whose LED is gone by then', () => {
    ask('green:status', 'on');
    rmSync(join(folder, 'leds', 'green:status'), { recursive: true });
    assert.equal(run('', 'ended').status, 0);
  });
});
