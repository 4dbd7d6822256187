/** `npm run docs`: writes the pages that are made from the code. */
import { writeFile } from 'node:fs/promises';
import { renderReference } from '../src/config/index.ts';

await writeFile(new URL('../docs/configuration.md', import.meta.url), renderReference());
