import { type Closeable, CloseStack, WeirError } from '#base';
import { Host } from './host.ts';
import { HostProcess } from './host-process.ts';
import { insideSandbox } from './sandbox.ts';

export interface WorldOptions {
  /** Begins the names of the namespaces; needed when several worlds stand in one sandbox. */
  readonly prefix?: string;
  /** How many origins: 203.0.113.10, .11, … (2001:db8:113::10, ::11, …). */
  readonly origins?: number;
  /** How many viewers: 198.18.0.10, .11, … (2001:db8:198::10, ::11, …). */
  readonly viewers?: number;
}

/** A host on one side of the box, with its addresses there. */
export interface Station {
  readonly host: Host;
  readonly address4: string;
  readonly address6: string;
}

export interface Viewer extends Station {
  /**
   * Address blocks that this viewer owns as a whole: a load generator on it may bind any address in there. The first
   * viewer has 198.19.0.0/16 and 2001:db8:199::/64, the others none.
   */
  readonly block4: string | undefined;
  readonly block6: string | undefined;
}

/**
 * Origins, box and viewers as network namespaces: origins - `wan0` box `lan0` - viewers. The box forwards between
 * the two sides as any router does. More than one station on a side hangs on a bridge in a namespace of its own, so that
 * the box sees each one's MAC address on its one NIC.
 */
export interface World extends Closeable {
  readonly box: Host;
  readonly origins: readonly Station[];
  readonly viewers: readonly Viewer[];
  /** The first of them; the only one, unless more were asked for. */
  readonly origin: Station;
  readonly viewer: Viewer;
  /** The box's own addresses. */
  readonly wan: { readonly device: 'wan0'; readonly address4: string; readonly address6: string };
  readonly access: { readonly device: 'lan0'; readonly address4: string; readonly address6: string };
  /** One more namespace, linked to nothing. */
  addHost(name: string): Promise<Host>;
}

/** One side of the box. Documentation and benchmark addresses: RFC 5737, RFC 2544 (RFC 6890), RFC 3849. */
interface Side {
  readonly device: string;
  readonly name: string;
  readonly net4: string;
  readonly prefix4: number;
  readonly net6: string;
}
const wanSide = {
  device: 'wan0',
  name: 'origin',
  net4: '203.0.113.',
  prefix4: 24,
  net6: '2001:db8:113::',
} as const;
const accessSide = {
  device: 'lan0',
  name: 'viewer',
  net4: '198.18.0.',
  prefix4: 16,
  net6: '2001:db8:198::',
} as const;
const block4 = '198.19.0.0/16';
const block6 = '2001:db8:199::/64';
const mostStations = 200;

/** Builds a world. Only inside a sandbox (`enterSandbox`), where nothing of it can stay behind. */
export async function createWorld(options: WorldOptions = {}): Promise<World> {
  if (!insideSandbox()) {
    throw new WeirError('USAGE', 'a world is built inside a sandbox only', {
      advice: 'call enterSandbox first',
    });
  }
  const builder = new WorldBuilder(options.prefix ?? '');
  try {
    return await builder.build(count(options.origins ?? 1), count(options.viewers ?? 1));
  } catch (error) {
    await builder.closeStack.close();
    throw error;
  }
}

function count(stations: number): number {
  if (Number.isInteger(stations) && stations >= 1 && stations <= mostStations) return stations;
  throw new WeirError('USAGE', `1 to ${mostStations} stations fit on a side`, { fields: { stations } });
}

class WorldBuilder {
  readonly closeStack = new CloseStack();
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  async build(originCount: number, viewerCount: number): Promise<World> {
    const box = await this.addHost('box');
    await box.sysctl({
      ...quietNetwork,
      'net/ipv4/ip_forward': 1,
      'net/ipv6/conf/all/forwarding': 1,
      'net/ipv4/conf/all/rp_filter': 0,
      'net/ipv4/conf/default/rp_filter': 0,
    });
    const origins = await this.#side(box, wanSide, originCount);
    const stations = await this.#side(box, accessSide, viewerCount);
    const viewers = stations.map((station, index) =>
      index === 0 ? { ...station, block4, block6 } : { ...station, block4: undefined, block6: undefined },
    );
    const [origin, viewer] = [first(origins), first(viewers)];
    // IPv6 binds local addresses only, and a local route makes none (IPv4 asks the route).
    await viewer.host.sysctl({ 'net/ipv6/ip_nonlocal_bind': 1 });
    await Promise.all([
      batch(viewer.host.namespace, [`route add local ${block4} dev lo`, `route add local ${block6} dev lo`]),
      batch(box.namespace, [
        `route add ${block4} via ${viewer.address4}`,
        `route add ${block6} via ${viewer.address6}`,
      ]),
    ]);
    return {
      box,
      origins,
      viewers,
      origin,
      viewer,
      wan: { device: 'wan0', address4: `${wanSide.net4}1`, address6: `${wanSide.net6}1` },
      access: { device: 'lan0', address4: `${accessSide.net4}1`, address6: `${accessSide.net6}1` },
      addHost: (name) => this.addHost(name),
      close: () => this.closeStack.close(),
      [Symbol.asyncDispose]: () => this.closeStack.close(),
    };
  }

  async addHost(name: string): Promise<Host> {
    const host = new Host(name, this.#prefix + name);
    await ip(['netns', 'add', host.namespace]);
    this.closeStack.defer(async () => {
      await host.end();
      await ip(['netns', 'delete', host.namespace]);
    });
    await batch(host.namespace, ['link set lo up']);
    return host;
  }

  async #side(box: Host, side: Side, stationCount: number): Promise<Station[]> {
    const stations: Station[] = [];
    for (let index = 0; index < stationCount; index++) {
      const host = await this.addHost(index === 0 ? side.name : `${side.name}${index + 1}`);
      await host.sysctl(quietNetwork);
      stations.push({
        host,
        address4: `${side.net4}${10 + index}`,
        address6: `${side.net6}${(10 + index).toString(16)}`,
      });
    }
    const hub = stationCount === 1 ? undefined : await this.#hub(box, side, stations);
    if (!hub) {
      const peer = first(stations).host.namespace;
      await batch(box.namespace, [`link add ${side.device} type veth peer name eth0 netns ${peer}`]);
    }
    await batch(box.namespace, addresses(side, side.device, `${side.net4}1`, `${side.net6}1`));
    await Promise.all(
      stations.map(({ host, address4, address6 }) =>
        batch(host.namespace, [
          ...addresses(side, 'eth0', address4, address6),
          `route add default via ${side.net4}1`,
          `route add default via ${side.net6}1`,
        ]),
      ),
    );
    return stations;
  }

  async #hub(box: Host, side: Side, stations: readonly Station[]): Promise<Host> {
    const hub = await this.addHost(`${side.name}-hub`);
    await hub.sysctl({ ...quietNetwork, 'net/ipv6/conf/default/disable_ipv6': 1 });
    const ports = [
      { port: 'box', device: side.device, namespace: box.namespace },
      ...stations.map(({ host }, index) => ({
        port: `s${index}`,
        device: 'eth0',
        namespace: host.namespace,
      })),
    ];
    await batch(hub.namespace, [
      'link add hub type bridge',
      'link set hub up',
      ...ports.flatMap(({ port, device, namespace }) => [
        `link add ${port} type veth peer name ${device} netns ${namespace}`,
        `link set ${port} master hub up`,
      ]),
    ]);
    return hub;
  }
}

/** No address probing, no router solicitation: addresses work at once, and only what a test sends is on the wire. */
const quietNetwork = {
  'net/ipv6/conf/all/accept_ra': 0,
  'net/ipv6/conf/default/accept_ra': 0,
  'net/ipv6/conf/default/accept_dad': 0,
  'net/ipv6/conf/default/router_solicitations': 0,
};

const addresses = (side: Side, device: string, address4: string, address6: string): string[] => [
  `link set ${device} up`,
  `address add ${address4}/${side.prefix4} dev ${device}`,
  `address add ${address6}/64 dev ${device} nodad`,
];

function first<T>(list: readonly T[]): T {
  const [item] = list;
  if (item === undefined) throw new WeirError('USAGE', 'a world has at least one station on each side');
  return item;
}

async function ip(args: readonly string[], input = ''): Promise<void> {
  const child = await HostProcess.start(`ip ${args.join(' ')}`, ['ip', ...args]);
  child.stdin.end(input);
  await child.success();
}

/** Several `ip` commands in one process. */
const batch = (namespace: string, lines: readonly string[]): Promise<void> =>
  ip(['-n', namespace, '-batch', '-'], `${lines.join('\n')}\n`);
