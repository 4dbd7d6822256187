/** Every value that can be configured, with a tree in which it is set, and another value for it. */
import {
  configTree,
  findPlace,
  isPathFault,
  type RawBranch,
  type RawNode,
  type Schema,
} from '../../../src/config/index.ts';

export const passwordHash = `$scrypt$ln=15,r=8,p=1$${'B'.repeat(22)}$${'B'.repeat(43)}`;

/** An item in every list, and nothing that does not fit together. */
export const richTree: RawBranch = {
  system: {
    users: [
      { name: 'ann', class: 'operator' },
      { name: 'bob', class: 'administrator', passwordHash },
    ],
  },
  interfaces: {
    wan: {
      device: 'wan0',
      addresses: ['192.0.2.65/28'],
      routes: [{ prefix: '0.0.0.0/0', via: '192.0.2.70' }],
      mtu: 1500,
    },
    access: {
      device: 'lan0',
      addresses: ['192.0.2.66/28'],
      routes: [{ prefix: '10.0.0.0/8', via: '192.0.2.71' }],
    },
  },
  relay: {
    feeds: [{ url: 'rtsp://h/*' }],
    origins: [{ address: '192.0.2.9', username: 'u', password: 'p' }],
  },
  billing: {
    currency: 'EUR',
    tariffs: [{ name: 'basic', pricePerMinute: '1', subscribers: ['house'], urls: ['rtsp://h/*'] }],
    subscribers: [{ id: 'house', prefixes: ['198.51.100.0/24'], macs: ['02:00:5e:10:00:01'] }],
  },
  upload: {
    radius: [{ name: 'r', servers: [{ host: '192.0.2.1', secret: 's' }] }],
    https: [{ name: 'h', url: 'https://c.example/' }],
    mqtt: [{ name: 'm', url: 'mqtts://b.example' }],
  },
};

export interface Leaf {
  /** Of a list of leaves it is the list. */
  readonly path: readonly string[];
  readonly schema: Schema;
  readonly live: boolean;
}

/** Cross-checks bind them to other values: they are changed with those, elsewhere. */
const bound: ReadonlySet<string> = new Set([
  'billing tariffs basic subscribers',
  'billing tariffs basic unit',
  'billing tariffs basic pricePerPacket',
  'upload radius r transport',
  ...['radius r', 'https h', 'mqtt m'].flatMap((receiver) =>
    ['certFile', 'keyFile'].map((file) => `upload ${receiver} ${file}`),
  ),
]);

export function leavesOf(): readonly Leaf[] {
  const leaves: Leaf[] = [];
  walk(configTree, [], true, leaves);
  return leaves.filter(({ path }) => !bound.has(path.join(' ')));
}

function walk(schema: Schema, path: readonly string[], above: boolean, leaves: Leaf[]): void {
  const live = above && schema.live !== false;
  if (schema.type === 'branch') {
    for (const [name, entry] of Object.entries(schema.entries)) walk(entry, [...path, name], live, leaves);
  } else if (schema.type === 'list' && schema.key !== undefined) {
    const place = findPlace(richTree, path);
    const [item] = isPathFault(place) || !Array.isArray(place.node) ? [] : place.node;
    if (typeof item !== 'object' || Array.isArray(item)) return;
    const { [schema.key]: _, ...entries } = schema.of.entries;
    walk({ ...schema.of, entries }, [...path, String(item[schema.key])], live, leaves);
  } else leaves.push({ path, schema, live });
}

/** Another value than `now` for such a leaf, as it is typed. */
export function otherValue(schema: Schema, now: RawNode | undefined): string {
  switch (schema.type) {
    case 'integer': {
      const was = now ?? schema.default;
      return String(was === schema.max ? schema.min : schema.max);
    }
    case 'boolean':
      return String(!(now ?? schema.default ?? false));
    case 'enum':
      return schema.values.find((value) => value !== (now ?? schema.default)) ?? '';
    case 'string':
      return (
        samples.find((sample) => schema.pattern.test(sample) && !schema.fault?.(sample) && sample !== now) ??
        ''
      );
    case 'list':
      return otherValue(schema.of, Array.isArray(now) ? now[0] : now);
    case 'branch':
      return '';
  }
}

const samples = [
  '/dev/ttyS7',
  '$scrypt$ln=15,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  '192.0.2.77',
  '192.0.2.64/28',
  '02:00:5e:10:00:77',
  'rtsp://other/*',
  'https://other.example/',
  'mqtts://other.example',
  '0.77',
  'USD',
  'other',
];

/** What a parsed configuration has at a path. */
export function valueAt(config: unknown, path: readonly string[]): unknown {
  let node = config;
  for (const word of path) {
    node = Array.isArray(node)
      ? node.find((item) => Object.values(item).includes(word))
      : (node as Readonly<Record<string, unknown>> | undefined)?.[word];
  }
  return node;
}
