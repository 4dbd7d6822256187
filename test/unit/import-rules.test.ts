import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { importLines, importViolations } from './import-rules.ts';

const root = join(import.meta.dirname, '..', '..');

const violationsOf = (files: Record<string, string>) => importViolations(new Map(Object.entries(files)));

describe('import rules', () => {
  it('are kept by every file of src, hal, storage and image', () => {
    const paths = globSync('{src,hal,storage,image}/**/*.ts', { cwd: root });
    assert.ok(paths.length > 10, 'the sources were not found');
    const files = new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
    assert.deepEqual(importViolations(files), []);
  });

  describe('the reader of import lines', () => {
    const cases: ReadonlyArray<[name: string, source: string, expected: ReadonlyArray<[string, boolean]>]> = [
      ['an import', `import { a } from './a.ts';`, [['./a.ts', false]]],
      ['an import over several lines', `import {\n  a,\n  type B,\n} from '#base';`, [['#base', false]]],
      ['an import of types', `import type { A } from '#hal';`, [['#hal', true]]],
      ['an import for its effect', `import './a.ts';`, [['./a.ts', false]]],
      [
        'a default and a namespace import',
        `import a from 'x';\nimport * as b from "y";`,
        [
          ['x', false],
          ['y', false],
        ],
      ],
      [
        'an export-from',
        `export { a } from './a.ts';\nexport * from './b.ts';`,
        [
          ['./a.ts', false],
          ['./b.ts', false],
        ],
      ],
      ['an export-from of types', `export type { A } from './a.ts';`, [['./a.ts', true]]],
      [
        'a dynamic import and a require',
        `await import('x');\nrequire("y");`,
        [
          ['x', false],
          ['y', false],
        ],
      ],
      ['nothing in an export of a value', `export const from = 'x';\nexport function f(a = 'b') {}`, []],
      ['nothing in comments', `// import { a } from 'x';\n/* import 'y'; */\n/**\n * import 'z';\n */`, []],
    ];
    for (const [name, source, expected] of cases) {
      it(`sees ${name}`, () => {
        const seen = importLines(source).map((line) => [line.specifier, line.typeOnly]);
        assert.deepEqual(seen, expected);
      });
    }
  });

  describe('refuse', () => {
    const cases: ReadonlyArray<[name: string, path: string, source: string, complaint: RegExp]> = [
      [
        'an earlier stage that imports a later one',
        'src/session/a.ts',
        `import { b } from '../billing/index.ts';`,
        /may not import src\/billing/,
      ],
      [
        'base that imports the HAL',
        'src/base/a.ts',
        `import type { Nic } from '#hal';`,
        /may not import #hal/,
      ],
      [
        'the HAL that imports a stage',
        'hal/linux/a.ts',
        `import { b } from '../../src/feed/index.ts';`,
        /may not import src\/feed/,
      ],
      [
        'the HAL that imports the storage',
        'hal/a.ts',
        `import { b } from '#storage';`,
        /may not import #storage/,
      ],
      ['the storage that imports the HAL', 'storage/a.ts', `export * from '#hal';`, /may not import #hal/],
      [
        'a stage that uses a file behind another face',
        'src/feed/a.ts',
        `import { b } from '../session/b.ts';`,
        /goes past the face of src\/session/,
      ],
      [
        'a stage that uses a file behind the face of the HAL',
        'src/feed/a.ts',
        `import { b } from '../../hal/sim/b.ts';`,
        /goes past the face of hal/,
      ],
      [
        'even main going past a face',
        'src/main.ts',
        `import { b } from './feed/b.ts';`,
        /goes past the face of src\/feed/,
      ],
      ['the HAL by its path', 'src/feed/a.ts', `import { b } from '../../hal/index.ts';`, /entered by #hal/],
      [
        'a dynamic import of a later stage',
        'src/feed/a.ts',
        `await import('../upload/index.ts');`,
        /may not import src\/upload/,
      ],
      [
        'a value of the HAL where only types may be',
        'src/protocol/a.ts',
        `import { b } from '#hal';`,
        /only types of #hal/,
      ],
      [
        'a stage that imports the wiring',
        'src/feed/a.ts',
        `import { b } from '../relay.ts';`,
        /only a composer/,
      ],
      ['a folder without rules', 'src/extra/a.ts', `import { b } from '#base';`, /not in the table/],
      ['an unknown alias', 'src/feed/a.ts', `import { b } from '#billing';`, /no such face/],
    ];
    for (const [name, path, source, complaint] of cases) {
      it(name, () => {
        const [violation, ...others] = violationsOf({ [path]: source });
        assert.match(violation ?? '', complaint);
        assert.deepEqual(others, []);
      });
    }

    it('a third-party package with two importing files, also by a deeper path and for its types', () => {
      const violations = violationsOf({
        'hal/a.ts': `import x from '@scope/name';`,
        'src/feed/b.ts': `import type { Y } from '@scope/name/deep.js';`,
      });
      assert.deepEqual(violations, ['@scope/name is imported by hal/a.ts and src/feed/b.ts']);
    });
  });

  it('allow what the table of parts says', () => {
    const violations = violationsOf({
      'src/main.ts': `import { a } from './feed/index.ts';\nimport { b } from './relay.ts';\nimport { c } from '#hal';`,
      'src/demo/a.ts': `import { a } from '../feed/index.ts';`,
      'src/feed/deep/a.ts': `import { a } from '../b.ts';\nimport { c } from '../../session/index.ts';\nimport 'node:fs';`,
      'src/protocol/rtsp/a.ts': `import type { A } from '#hal';\nimport { b } from '#base';\nimport { c } from 'one';`,
      'hal/linux/a.ts': `import { a } from '#base';\nimport { b } from '../nics.ts';`,
    });
    assert.deepEqual(violations, []);
  });
});
