import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { renderReference } from '../../../src/config/index.ts';

describe('docs/configuration.md', () => {
  it('is what the schema says; `npm run docs` makes it anew', async () => {
    const page = await readFile(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
    assert.equal(page, renderReference());
  });
});
