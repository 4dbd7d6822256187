import { mac, prefix } from './forms.ts';
import type { BranchSchema } from './schema.ts';
import { urlPattern } from './url-pattern.ts';

const name = { form: 'letters, digits and . _ @ : + -', pattern: /^[\w.@:+-]{1,128}$/ };

/** Money and quantities are decimal strings: a JSON number has no exact tenth. */
const price = (help: string) =>
  ({
    type: 'string',
    form: 'decimal like 0.0125, in quotes',
    pattern: /^\d{1,12}(\.\d{1,12})?$/,
    default: '0',
    help,
  }) as const;

export const billingTree = {
  type: 'branch',
  help: 'what viewers are charged, and how records are kept',
  entries: {
    checkpointSeconds: {
      type: 'integer',
      unit: 'seconds',
      min: 1,
      max: 60,
      default: 5,
      help: 'how often counters of open sessions are stored: at most so much metering is lost with the power',
    },
    whenFull: {
      type: 'enum',
      values: ['refuse', 'relay-unbilled'],
      default: 'refuse',
      help: 'when records cannot be stored, new viewers are refused, or relayed without a record',
    },
    retentionDays: {
      type: 'integer',
      unit: 'days',
      min: 1,
      max: 3650,
      default: 90,
      help: 'how long a record is kept after everyone who must have it has it',
    },
    currency: {
      type: 'string',
      form: 'currency code of ISO 4217 like EUR',
      pattern: /^[A-Z]{3}$/,
      default: 'XXX',
      help: 'currency of all prices; XXX: none',
      appliesTo: 'new sessions',
    },
    tariffs: {
      type: 'list',
      key: 'name',
      ordered: true,
      maxItems: 1000,
      help: 'what sessions cost; the first tariff that fits is taken, none: free of charge',
      appliesTo: 'new sessions',
      of: {
        type: 'branch',
        help: 'one tariff',
        entries: {
          name: { type: 'string', ...name, help: 'name of the tariff, part of each record' },
          version: {
            type: 'string',
            ...name,
            default: '1',
            help: 'version of the tariff, part of each record: change it with the prices',
          },
          urls: {
            type: 'list',
            maxItems: 1000,
            of: { type: 'string', ...urlPattern, help: 'a pattern of feed URLs' },
            help: 'only for these feeds; none: for all',
          },
          subscribers: {
            type: 'list',
            maxItems: 1000,
            of: { type: 'string', ...name, help: 'a subscriber' },
            help: 'only for these subscribers; none: for all viewers, known or not',
          },
          unit: {
            type: 'enum',
            values: ['bytes', 'packets'],
            default: 'bytes',
            help: 'what is charged; bytes and packets are both recorded',
          },
          pricePerMegabyte: price('price of a megabyte delivered, where the unit is bytes'),
          megabyteBytes: {
            type: 'enum',
            values: ['1000000', '1048576'],
            default: '1000000',
            help: 'bytes of a megabyte',
          },
          pricePerPacket: price('price of a packet delivered, where the unit is packets'),
          pricePerMinute: price('price of a minute from start to end, each part of a minute in proportion'),
          pricePerSession: price('price of a session'),
          freeUnits: {
            type: 'integer',
            unit: 'bytes or packets',
            min: 0,
            max: Number.MAX_SAFE_INTEGER,
            default: 0,
            help: 'units of each session that cost nothing',
          },
          minimum: price('least price of a session that got any media'),
          decimals: {
            type: 'integer',
            min: 0,
            max: 12,
            default: 2,
            help: 'decimals of the amount; it is rounded once, at the end',
          },
          rounding: {
            type: 'enum',
            values: ['half-up', 'half-even', 'up', 'down'],
            default: 'half-up',
            help: 'how the amount is rounded',
          },
        },
      },
    },
    subscribers: {
      type: 'list',
      key: 'id',
      maxItems: 100_000,
      help: 'who viewers are: by MAC address, else by the longest prefix that holds their address',
      appliesTo: 'new sessions',
      of: {
        type: 'branch',
        help: 'one subscriber, and where it is found',
        entries: {
          id: { type: 'string', ...name, help: 'the subscriber, as in records' },
          prefixes: {
            type: 'list',
            maxItems: 1000,
            of: { type: 'string', ...prefix, help: 'addresses of this subscriber' },
            help: 'addresses of this subscriber',
          },
          macs: {
            type: 'list',
            maxItems: 1000,
            of: { type: 'string', ...mac, help: 'a MAC address of this subscriber' },
            help: 'MAC addresses of this subscriber, where it is directly attached',
          },
        },
      },
    },
  },
} as const satisfies BranchSchema;
