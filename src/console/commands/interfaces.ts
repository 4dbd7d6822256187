import type { InterfaceStatus, InterfacesStatus, RouteStatus } from '../../operations/index.ts';
import { command } from '../command.ts';
import { renderTable } from '../render/index.ts';
import type { Size } from '../terminal/index.ts';

export const interfaceCommands = [
  command({
    path: 'show interfaces',
    help: 'all NICs: role, link, addresses, leases, counters',
    run: ({ operations }) => operations.interfaces(),
    render: renderInterfaces,
  }),
  command({
    path: 'show route',
    help: 'the routing table',
    run: ({ operations }) => operations.routes(),
    render: renderRoutes,
  }),
];

const columns = [
  { title: 'ROLE' },
  { title: 'DEVICE' },
  { title: 'LINK' },
  { title: 'SPEED' },
  { title: 'MAC' },
  { title: 'MTU', align: 'right' },
  { title: 'RX BYTES', align: 'right' },
  { title: 'TX BYTES', align: 'right' },
  { title: 'ADDRESSES' },
] as const;

function renderInterfaces({ interfaces, missing }: InterfacesStatus, { columns: width }: Size): string {
  const rows = interfaces.map((one) => [
    one.role ?? '-',
    one.device,
    one.link,
    one.speedMbps === null ? '-' : `${one.speedMbps} Mbit/s${one.duplex === 'half' ? ' half' : ''}`,
    one.mac || '-',
    String(one.mtu),
    one.counters?.rxBytes ?? '-',
    one.counters?.txBytes ?? '-',
    one.addresses.join(' '),
  ]);
  const gone = missing.map((role) => `the NIC of ${role} is not there\n`);
  return renderTable(columns, rows, width) + [...gone, ...interfaces.flatMap(leaseLines)].join('');
}

const leaseLines = ({ device, dhcp }: InterfaceStatus): readonly string[] =>
  dhcp.map(({ family, lease }) =>
    lease === null
      ? `${device}: no lease of DHCPv${family} yet\n`
      : `${device}: ${lease.address} by DHCPv${family}, got at ${lease.obtainedAt}${lease.until === null ? '' : `, until ${lease.until}`}\n`,
  );

const routeColumns = [
  { title: 'DESTINATION' },
  { title: 'GATEWAY' },
  { title: 'DEVICE' },
  { title: 'BY' },
  { title: 'METRIC', align: 'right' },
] as const;

function renderRoutes({ routes, left }: RouteStatus, { columns: width }: Size): string {
  const rows = routes.map(({ destination, via, device, protocol, metric, action }) => [
    destination,
    via ?? '-',
    action === 'discard' ? 'discards' : (device ?? '-'),
    protocol,
    String(metric ?? 0),
  ]);
  return renderTable(routeColumns, rows, width) + (left > 0 ? `and ${left} more\n` : '');
}
