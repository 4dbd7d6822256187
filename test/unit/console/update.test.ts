import assert from 'node:assert/strict';
import { WeirError } from '#base';
import { commandGroups, operationalCommands } from '../../../src/console/commands/index.ts';
import type { Operations } from '../../../src/console/operations.ts';
import { ScriptedConsole } from './scripted-console.ts';

const slot = { running: false, next: false, condition: 'good', triesLeft: 3, installed: true } as const;

describe('console: versions of the box', () => {
  const asked: string[] = [];
  const operations: Partial<Operations> = {
    updateStatus: async () => ({
      compatible: 'weir-arm64',
      slots: [
        { ...slot, slot: 'a', running: true, version: '1.4.0' },
        { ...slot, slot: 'b', next: true, condition: 'new', version: '1.5.0' },
      ],
    }),
    installUpdate: async function* ({ source, force }) {
      asked.push(`install ${source} ${force}`);
      yield { step: 'checking', percent: null, text: 'checking the signature' };
      if (source === '/bad')
        throw new WeirError('UPDATE_BAD_SIGNATURE', 'not signed', { advice: 'take another' });
      yield { step: 'installed', percent: 100, text: 'version 1.5.0 is installed' };
    },
    activateUpdate: async ({ reboot }) => {
      asked.push(`activate ${reboot}`);
      return { ...slot, slot: 'b', version: '1.5.0' };
    },
    factoryReset: async (order) => {
      asked.push(`reset ${order.includingRecords}`);
      return order;
    },
  };
  let console: ScriptedConsole;

  beforeEach(() => {
    asked.length = 0;
    console = new ScriptedConsole({ commands: operationalCommands, groups: commandGroups, operations });
  });

  afterEach(() => console[Symbol.asyncDispose]());

  it('shows which version runs and which is started next', async () => {
    console.type('show update\r');
    const text = await console.sees(/started next/);
    assert.match(text, /a +1\.4\.0 +good +3 +running/);
    assert.match(text, /b +1\.5\.0 +new +3 +started next/);
  });

  it('installs a bundle and says how far it is', async () => {
    console.type('request system update http://isp.example/weir.raucb\r');
    await console.sees(/checking the signature[\s\S]*100 % {2}version 1\.5\.0 is installed/);
    console.type('request system update /media/old.raucb force\r');
    await console.sees(/is installed/);
    assert.deepEqual(asked, ['install http://isp.example/weir.raucb false', 'install /media/old.raucb true']);
  });

  it('says what is wrong with a bundle, and what to do', async () => {
    console.type('request system update /bad\r');
    await console.sees(/not signed[\s\S]*take another/);
  });

  it('activates after a question, and not when the answer is another than yes', async () => {
    console.type('request system activate\r');
    await console.sees(/all viewers end\. Go on\?/);
    console.type('y\r');
    await console.sees(/nothing was done/);
    assert.deepEqual(asked, []);
    console.type('request system activate\r');
    await console.sees(/Go on\?/);
    console.type('yes\r');
    await console.sees(/version 1\.5\.0, is started next/);
    assert.deepEqual(asked, ['activate true']);
  });

  it('activates without a question where nothing ends', async () => {
    console.type('request system activate at-next-start\r');
    await console.sees(/is started next/);
    assert.deepEqual(asked, ['activate false']);
  });

  it('resets after a question that says what will be gone', async () => {
    console.type('request system factory-reset\r');
    await console.sees(/records that are not delivered yet stay\. Go on\?/);
    console.type('yes\r');
    await console.sees(/with its records, as from the factory/);
    console.type('request system factory-reset including-records\r');
    await console.sees(/the key that signed them will be gone\. Go on\?/);
    console.type('yes\r');
    await console.sees(/starts again, as from the factory/);
    console.type('request system factory-reset confirmed\r');
    await console.sees(/with its records, as from the factory/);
    assert.deepEqual(asked, ['reset false', 'reset true', 'reset false']);
  });

  it('lets nobody but an administrator change the version', async () => {
    const watching = new ScriptedConsole({
      commands: operationalCommands,
      groups: commandGroups,
      operations,
      user: { who: 'bob', userClass: 'operator' },
    });
    for (const words of ['update /a', 'activate confirmed', 'factory-reset confirmed']) {
      watching.type(`request system ${words}\r`);
    }
    watching.type('show update\r');
    await watching.sees(/started next/);
    assert.deepEqual(asked, []);
    await watching[Symbol.asyncDispose]();
  });
});
