import { ipAddress, mac, prefix } from './forms.ts';
import type { BranchSchema } from './schema.ts';

const nic = (role: string) =>
  ({
    device: {
      type: 'string',
      form: 'network device name',
      pattern: /^[^\s/]{1,15}$/,
      help: `device name of the NIC that is ${role}`,
      live: false,
    },
    mac: { type: 'string', ...mac, help: 'binds the role to the NIC with this MAC address', live: false },
    path: {
      type: 'string',
      form: 'device path below /sys, or its end',
      pattern: /^[\w./:@-]{1,200}$/,
      help: 'binds the role to the NIC at this place in the board',
      live: false,
    },
    vlan: {
      type: 'integer',
      min: 1,
      max: 4094,
      help: 'number of the VLAN (IEEE 802.1Q) of that NIC that is the role; none: its untagged packets',
      live: false,
    },
    addresses: {
      type: 'list',
      maxItems: 16,
      of: { type: 'string', ...prefix, help: 'an address of this NIC' },
      help: 'addresses of this NIC; none, and no DHCP: it keeps those it has',
    },
    dhcp4: { type: 'boolean', default: false, help: 'get an IPv4 address, routes and name servers by DHCP' },
    dhcp6: {
      type: 'boolean',
      default: false,
      help: 'get an IPv6 address by DHCPv6; routes come by router advertisements, with it or without',
    },
    routes: {
      type: 'list',
      key: 'prefix',
      maxItems: 1000,
      help: 'static routes by this NIC',
      of: {
        type: 'branch',
        help: 'one route',
        entries: {
          prefix: { type: 'string', ...prefix, help: 'where to; 0.0.0.0/0 and ::/0 are the default routes' },
          via: { type: 'string', ...ipAddress, help: 'the gateway' },
        },
      },
    },
    mtu: {
      type: 'integer',
      unit: 'bytes',
      min: 1280,
      max: 9216,
      help: 'largest packet on this NIC; none: it keeps its own',
    },
  }) as const;

/** The branch `interfaces` of the configuration. */
export const interfacesTree = {
  type: 'branch',
  help: 'the two NICs',
  entries: {
    wan: {
      type: 'branch',
      help: 'toward the IP network and its origins',
      entries: {
        ...nic('toward the IP network'),
        masquerade: {
          type: 'boolean',
          default: false,
          help: "hide forwarded viewers behind this NIC's address; stays in force without Weir",
        },
      },
    },
    access: { type: 'branch', help: 'toward the viewers', entries: nic('toward the viewers') },
  },
} as const satisfies BranchSchema;
