import type { BranchSchema } from './schema.ts';

const name = {
  type: 'string',
  form: 'short name (letters, digits, hyphens)',
  pattern: /^[a-z0-9][a-z0-9-]{0,31}$/i,
} as const;
const host = {
  type: 'string',
  form: 'IP address or host name',
  pattern: /^[a-z0-9:.-]{1,253}$/i,
} as const;
const file = {
  type: 'string',
  form: 'path of a PEM file; a relative one lies in the data folder',
  pattern: /^[^\p{Cc}]{1,255}$/u,
} as const;
const tlsFiles = {
  caFile: { ...file, help: 'certificates that may have signed the certificate of the other side' },
  certFile: { ...file, help: "this box's certificate, and those between it and its root" },
  keyFile: { ...file, help: 'private key to that certificate' },
} as const;
const interimSeconds = {
  type: 'integer',
  unit: 'seconds',
  min: 0,
  max: 86_400,
  default: 0,
  help: 'how often the state of each running session is told; 0: never',
} as const;

/** Who is told what was delivered. */
export const uploadTree = {
  type: 'branch',
  help: 'who gets the records of ended sessions',
  entries: {
    originNotices: {
      type: 'boolean',
      default: true,
      help: 'tell the origin of a stream, over the session with it, what was delivered to each viewer',
    },
    radius: {
      type: 'list',
      key: 'name',
      maxItems: 8,
      help: 'RADIUS accounting (RFC 2866)',
      of: {
        type: 'branch',
        help: 'one receiver: a primary server and its backups',
        entries: {
          name: { ...name, help: 'name of this receiver in the outbox; another name is another receiver' },
          transport: {
            type: 'enum',
            values: ['udp', 'tls'],
            default: 'udp',
            help: 'RADIUS by UDP with a shared secret, or by TLS with certificates (RadSec, RFC 6614)',
          },
          servers: {
            type: 'list',
            key: 'host',
            ordered: true,
            maxItems: 4,
            help: 'primary server first, then its backups',
            of: {
              type: 'branch',
              help: 'one server',
              entries: {
                host: { ...host, help: 'where it is' },
                port: { type: 'integer', min: 1, max: 65_535, help: 'none: 1813 by UDP, 2083 by TLS' },
                secret: {
                  type: 'string',
                  form: 'text without control characters',
                  pattern: /^[^\p{Cc}]{1,128}$/u,
                  secret: true,
                  help: 'shared secret; by UDP only',
                },
              },
            },
          },
          ...tlsFiles,
          serverName: { ...host, help: 'name in the certificate of the servers; none: their host' },
          interimSeconds,
          vendorId: {
            type: 'integer',
            min: 1,
            max: 16_777_215,
            default: 32_473,
            help: "enterprise number of the attributes in Weir's dictionary; the default is the one for examples (RFC 5612)",
          },
        },
      },
    },
    https: {
      type: 'list',
      key: 'name',
      maxItems: 8,
      help: 'collectors that take CloudEvents 1.0 in JSON batches',
      of: {
        type: 'branch',
        help: 'one collector',
        entries: {
          name: { ...name, help: 'name of this collector in the outbox; another name is another collector' },
          url: {
            type: 'string',
            form: 'URL that begins with https:// or http://',
            pattern: /^https?:\/\/[^\s\p{Cc}]{1,500}$/iu,
            help: 'where batches are posted to',
          },
          ...tlsFiles,
          token: {
            type: 'string',
            form: 'text without spaces and control characters',
            pattern: /^[^\s\p{Cc}]{1,1024}$/u,
            secret: true,
            help: 'sent as a bearer token (RFC 6750)',
          },
          batch: { type: 'integer', min: 1, max: 1000, default: 200, help: 'records in one request at most' },
          timeoutSeconds: {
            type: 'integer',
            unit: 'seconds',
            min: 1,
            max: 120,
            default: 10,
            help: 'how long the answer to a batch may take',
          },
          interimSeconds,
        },
      },
    },
    mqtt: {
      type: 'list',
      key: 'name',
      maxItems: 8,
      help: 'brokers (MQTT 5)',
      of: {
        type: 'branch',
        help: 'one broker',
        entries: {
          name: { ...name, help: 'name of this broker in the outbox; another name is another broker' },
          url: {
            type: 'string',
            form: 'URL that begins with mqtts:// or mqtt://',
            pattern: /^mqtts?:\/\/[^\s\p{Cc}]{1,500}$/iu,
            help: 'where the broker is',
          },
          ...tlsFiles,
          username: {
            type: 'string',
            form: 'text without control characters',
            pattern: /^[^\p{Cc}]{1,128}$/u,
            help: 'name for the broker',
          },
          password: {
            type: 'string',
            form: 'text without control characters',
            pattern: /^[^\p{Cc}]{0,128}$/u,
            secret: true,
            help: 'password for the broker',
          },
          topic: {
            type: 'string',
            form: 'topic without wildcards',
            pattern: /^[^\p{Cc}+#]{1,200}$/u,
            default: 'weir',
            help: 'topics begin with this: TOPIC/DEVICE/records, /interim, /state',
          },
          interimSeconds,
        },
      },
    },
  },
} as const satisfies BranchSchema;
