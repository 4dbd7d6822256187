import { dirname, join } from 'node:path/posix';

/** One import, export-from, dynamic import or require, as written. */
export interface ImportLine {
  readonly specifier: string;
  /** Erased before it runs: `import type`, `export type`. */
  readonly typeOnly: boolean;
}

/** What a part may import of other parts. `type #hal`: types of it only. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  'src/base': [],
  'src/config': ['#base'],
  'src/protocol': ['#base', 'type #hal'],
  'src/session': ['#base', 'type #hal', 'src/protocol'],
  'src/feed': ['#base', '#hal', 'src/protocol', 'src/session'],
  'src/meter': ['#base', 'type #hal'],
  'src/billing': ['#base', 'type #hal', 'src/config', 'src/protocol', 'src/session', 'src/meter', '#storage'],
  'src/upload': ['#base', 'src/config', 'src/billing', '#storage'],
  'src/operations': [
    '#base',
    'type #hal',
    'src/protocol',
    'src/session',
    'src/billing',
    'src/upload',
    '#storage',
  ],
  'src/cli': ['#base', 'src/operations', 'type src/status', 'type #storage'],
  'src/console': ['#base', 'type #hal', 'src/config', 'src/operations'],
  'src/status': ['#base', 'src/operations'],
  'src/health': ['#base', '#hal'],
  hal: ['#base'],
  storage: ['#base'],
  image: ['#base'],
};

/** Who puts the parts together: the files at the top of `src`, the demo. They enter all by their faces. */
const composers: ReadonlySet<string> = new Set(['src', 'src/demo']);

const aliases: Readonly<Record<string, string>> = {
  '#base': 'src/base',
  '#hal': 'hal',
  '#storage': 'storage',
};

/** The import lines of a TypeScript source. */
export function importLines(source: string): readonly ImportLine[] {
  const code = source.replace(/^\s*(\/\*[\s\S]*?\*\/|\/\/.*)$/gm, '');
  const statements = code.matchAll(
    /^\s*(?:import|export)(\s+type\b)?(?:[^'";()=]*?\sfrom)?\s*['"]([^'"]+)['"]/gm,
  );
  const calls = code.matchAll(/\b(?:import|require)\(\s*['"]([^'"]+)['"]/g);
  return [
    ...[...statements].map((match) => ({ specifier: match[2] ?? '', typeOnly: match[1] !== undefined })),
    ...[...calls].map((match) => ({ specifier: match[1] ?? '', typeOnly: false })),
  ];
}

/** What the import lines of `files` (path from the root of the repository → source) do against the rules. */
export function importViolations(files: ReadonlyMap<string, string>): readonly string[] {
  const violations: string[] = [];
  const importersOf = new Map<string, Set<string>>();
  for (const [path, source] of files) {
    for (const line of importLines(source)) {
      const { specifier } = line;
      if (specifier.startsWith('node:')) continue;
      if (/^[.#]/.test(specifier)) {
        const complaint = judge(path, line);
        if (complaint !== undefined) violations.push(`${path}: '${specifier}': ${complaint}`);
      } else {
        const name = packageOf(specifier);
        importersOf.set(name, (importersOf.get(name) ?? new Set()).add(path));
      }
    }
  }
  for (const [name, importers] of importersOf) {
    if (importers.size > 1) violations.push(`${name} is imported by ${[...importers].join(' and ')}`);
  }
  return violations;
}

function judge(path: string, line: ImportLine): string | undefined {
  const aliased = aliases[line.specifier];
  if (aliased === undefined && line.specifier.startsWith('#')) return 'no such face';
  const target = aliased === undefined ? join(dirname(path), line.specifier) : join(aliased, 'index.ts');
  // The version is said in one place, and that is not TypeScript.
  if (target === 'package.json') return undefined;
  const from = partOf(path);
  const to = partOf(target);
  if (from === to) return undefined;

  if (to === 'src') return composers.has(from) ? undefined : 'only a composer knows who composes';
  if (target !== `${to}/index.ts`) return `goes past the face of ${to}`;
  const alias = Object.keys(aliases).find((name) => aliases[name] === to);
  if (alias !== undefined && aliased === undefined) return `${to} is entered by ${alias}`;
  if (composers.has(from)) return undefined;

  const allowed = mayImport[from];
  const name = alias ?? to;
  if (allowed === undefined) return `${from} is not in the table of who may import whom`;
  if (allowed.includes(name)) return undefined;
  if (!allowed.includes(`type ${name}`)) return `${from} may not import ${name}`;
  return line.typeOnly ? undefined : `${from} may import only types of ${name}`;
}

/** `src/feed/ring/a.ts` → `src/feed`; `src/main.ts` → `src`; `hal/sim/a.ts` → `hal`. */
function partOf(path: string): string {
  const [top = '', second = '', ...deeper] = path.split('/');
  return top === 'src' && deeper.length > 0 ? `${top}/${second}` : top;
}

const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
