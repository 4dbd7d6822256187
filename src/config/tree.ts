import { billingTree } from './billing-tree.ts';
import { consoleTree } from './console-tree.ts';
import { ipEndpoint } from './forms.ts';
import { interfacesTree } from './interfaces-tree.ts';
import type { BranchSchema, Parsed } from './schema.ts';
import { systemTree } from './system-tree.ts';
import { uploadTree } from './upload-tree.ts';
import { urlPattern } from './url-pattern.ts';

/** What of catching up can be set for all feeds and for some. */
const catchUp = {
  enabled: {
    type: 'boolean',
    help: 'a joining viewer begins at a start point of the past and catches up',
    appliesTo: 'new feeds',
  },
  maxSeconds: {
    type: 'integer',
    unit: 'seconds',
    min: 1,
    max: 60,
    help: 'a start point that is older is not begun at',
    appliesTo: 'new feeds',
  },
  maxBytes: {
    type: 'integer',
    unit: 'bytes',
    min: 65_536,
    max: 268_435_456,
    help: 'a start point with more media behind it is not begun at',
    appliesTo: 'new feeds',
  },
} as const;

/** The whole configuration, as one table. */
export const configTree = {
  type: 'branch',
  help: 'configuration of this Weir',
  entries: {
    system: systemTree,
    interfaces: interfacesTree,
    relay: {
      type: 'branch',
      help: 'what is relayed and how',
      entries: {
        whenDown: {
          type: 'enum',
          values: ['open', 'closed'],
          default: 'open',
          help: 'without a healthy Weir viewers reach the origin (open) or nothing (closed) on intercepted ports',
        },
        engineThreads: {
          type: 'integer',
          min: 0,
          max: 64,
          default: 0,
          help: 'engine threads that feeds are spread over; 0: one less than there are cores, 1 to 4',
          live: false,
        },
        cloneInKernel: {
          type: 'boolean',
          default: true,
          help: 'by UDP media is sent once and cloned for all viewers at the access NIC, past nftables output rules',
          live: false,
        },
        bypassSeconds: {
          type: 'integer',
          unit: 'seconds',
          min: 0,
          max: 86_400,
          default: 600,
          help: 'how long an address and port that proved to be no live source goes past the box; 0: never',
        },
        lingerSeconds: {
          type: 'integer',
          unit: 'seconds',
          min: 0,
          max: 3600,
          default: 0,
          help: 'how long an upstream session stays open after its last viewer',
        },
        openTimeoutSeconds: {
          type: 'integer',
          unit: 'seconds',
          min: 1,
          max: 60,
          default: 10,
          help: 'how long an origin may take to answer, and an opening viewer may stay silent',
        },
        silenceSeconds: {
          type: 'integer',
          unit: 'seconds',
          min: 1,
          max: 300,
          default: 5,
          help: 'a live source that sends no packet for so long has failed and is opened again',
        },
        patienceSeconds: {
          type: 'integer',
          unit: 'seconds',
          min: 0,
          max: 3600,
          default: 30,
          help: 'how long viewers of a source that has failed are without media before they are ended; 0: not at all',
        },
        slowViewerSeconds: {
          type: 'integer',
          unit: 'seconds',
          min: 1,
          max: 3600,
          default: 60,
          help: 'a viewer that takes less than the feed gives for so long is ended',
        },
        ringSeconds: {
          type: 'integer',
          unit: 'seconds',
          min: 1,
          max: 60,
          default: 8,
          help: 'how much of a feed is kept for joining and slow viewers',
          appliesTo: 'new feeds',
        },
        ringBytes: {
          type: 'integer',
          unit: 'bytes',
          min: 1_048_576,
          max: 268_435_456,
          default: 16_777_216,
          help: 'memory of one feed at most',
          appliesTo: 'new feeds',
        },
        catchUp: {
          type: 'branch',
          help: 'where a joining viewer may begin',
          entries: {
            enabled: { ...catchUp.enabled, default: true },
            maxSeconds: { ...catchUp.maxSeconds, default: 8 },
            maxBytes: { ...catchUp.maxBytes, default: 16_777_216 },
          },
        },
        feeds: {
          type: 'list',
          key: 'url',
          ordered: true,
          maxItems: 1000,
          help: 'what is different for some feeds; of those that match a feed, the first one counts',
          of: {
            type: 'branch',
            help: 'some feeds',
            entries: {
              url: { type: 'string', ...urlPattern, help: 'pattern of the URLs of these feeds' },
              catchUp: { type: 'branch', help: 'as relay.catchUp', entries: catchUp },
            },
          },
        },
        maxFeeds: {
          type: 'integer',
          min: 1,
          max: 10_000,
          default: 256,
          help: 'feeds at the same time; further ones are refused',
        },
        maxFeedsPerAddress: {
          type: 'integer',
          min: 1,
          max: 10_000,
          default: 64,
          help: 'feeds opened for one viewer address at the same time; further ones are refused',
        },
        maxViewers: {
          type: 'integer',
          min: 1,
          max: 100_000,
          default: 4000,
          help: 'viewers at the same time; further ones are refused',
        },
        rtsp: {
          type: 'branch',
          help: 'RTSP (RFC 2326)',
          entries: {
            ports: {
              type: 'list',
              maxItems: 32,
              of: { type: 'integer', min: 1, max: 65_535, help: 'a TCP port of origins' },
              default: [554, 8554],
              help: 'TCP ports of origins that are intercepted',
            },
            upstreamTransport: {
              type: 'enum',
              values: ['auto', 'udp', 'tcp'],
              default: 'auto',
              help: 'how media is asked for at the origin; auto: UDP, then TCP where the origin refuses it',
              appliesTo: 'new feeds',
            },
            sessionTimeoutSeconds: {
              type: 'integer',
              unit: 'seconds',
              min: 10,
              max: 3600,
              default: 60,
              help: 'a viewer that gives no sign of life for so long is ended',
              appliesTo: 'new sessions',
            },
            firstRequestSeconds: {
              type: 'integer',
              unit: 'seconds',
              min: 1,
              max: 300,
              default: 10,
              help: 'time a connection has to send its first whole request',
            },
            idleSeconds: {
              type: 'integer',
              unit: 'seconds',
              min: 5,
              max: 3600,
              default: 60,
              help: 'a connection without a session that sends no request for so long is closed',
            },
            maxHeaderBytes: {
              type: 'integer',
              unit: 'bytes',
              min: 1024,
              max: 1_048_576,
              default: 16_384,
              help: 'largest head of one message',
              appliesTo: 'new connections',
            },
            maxBodyBytes: {
              type: 'integer',
              unit: 'bytes',
              min: 1024,
              max: 1_048_576,
              default: 65_536,
              help: 'largest body of one message',
              appliesTo: 'new connections',
            },
            maxConnections: {
              type: 'integer',
              min: 1,
              max: 100_000,
              default: 8192,
              help: 'intercepted connections at the same time',
            },
            maxConnectionsPerAddress: {
              type: 'integer',
              min: 1,
              max: 100_000,
              default: 256,
              help: 'intercepted connections of one viewer address at the same time',
            },
          },
        },
        origins: {
          type: 'list',
          key: 'address',
          maxItems: 1000,
          help: 'what Weir knows about single origins',
          of: {
            type: 'branch',
            help: 'one origin',
            entries: {
              address: {
                type: 'string',
                ...ipEndpoint,
                help: 'address of the origin, as viewers dial it; without a port: whatever the port',
              },
              username: {
                type: 'string',
                form: 'text without control characters',
                pattern: /^[^\p{Cc}:]{1,128}$/u,
                help: "name for Weir's own requests to this origin",
                appliesTo: 'new feeds',
              },
              password: {
                type: 'string',
                form: 'text without control characters',
                pattern: /^[^\p{Cc}]{0,128}$/u,
                secret: true,
                help: "password for Weir's own requests to this origin",
                appliesTo: 'new feeds',
              },
            },
          },
        },
      },
    },
    billing: billingTree,
    upload: uploadTree,
    console: consoleTree,
  },
} as const satisfies BranchSchema;

/** The parsed, checked, frozen configuration. */
export type Config = Parsed<typeof configTree>;
