import type { UsageRecord } from '../../billing/index.ts';
import {
  AttributeType as A,
  type Attribute,
  addressAttribute,
  integerAttribute,
  octetAttributes,
  textAttribute,
  vendorText,
} from './attributes.ts';

/** RFC 2866 s.5.1. */
export const StatusType = { start: 1, stop: 2, interimUpdate: 3, accountingOn: 7, accountingOff: 8 } as const;
type SessionStatus = 'start' | 'stop' | 'interimUpdate';

/** RFC 2866 s.5.10. */
const terminateCauses: Readonly<Record<string, number>> = {
  'user-request': 1,
  'lost-carrier': 2,
  'lost-service': 3,
  'idle-timeout': 4,
  'admin-reset': 6,
  'admin-reboot': 7,
  'port-error': 8,
  'nas-error': 9,
  'nas-reboot': 11,
};

/** RFC 2866 s.5.6 (RADIUS: 1, Local: 2) and RFC 2865 s.5.41 (Virtual: 5): no port is behind a viewer. */
const authenticLocal = 2;
const portVirtual = 5;

/** What no standard attribute says. The dictionary for FreeRADIUS is `docs/dictionary.weir`. */
const WeirType = {
  feedUrl: 1,
  origin: 2,
  recordId: 3,
  sequence: 4,
  chargeAmount: 5,
  chargeCurrency: 6,
  tariff: 7,
  outputPackets: 8,
  recovered: 9,
  transport: 10,
  clockCorrectionMs: 11,
} as const;

/** Who the box is to a RADIUS server. The same in every request: servers tell sessions apart by it. */
export interface NasIdentity {
  readonly deviceId: string;
  readonly vendorId: number;
}

/** When something happened. */
export interface Moment {
  /**
   * Wall clock; undefined: the box does not know it, and Event-Timestamp (RFC 2869 s.5.3) is left out. A server then takes
   * its own clock less Acct-Delay-Time.
   */
  readonly atMs: number | undefined;
  /** From then until it is told. */
  readonly delayMs: number;
}

/** Whether a box begins or stops to account (RFC 2866 s.5.1): the server closes what it has open of this box. */
export function boxAttributes(
  nas: NasIdentity,
  status: 'accountingOn' | 'accountingOff',
  moment: Moment,
): readonly Attribute[] {
  return [
    integerAttribute(A.acctStatusType, StatusType[status]),
    textAttribute(A.nasIdentifier, nas.deviceId),
    textAttribute(A.acctSessionId, nas.deviceId),
    ...momentAttributes(moment),
  ];
}

function momentAttributes({ atMs, delayMs }: Moment): readonly Attribute[] {
  return [
    ...(atMs === undefined ? [] : [integerAttribute(A.eventTimestamp, Math.floor(atMs / 1000))]),
    integerAttribute(A.acctDelayTime, Math.max(0, Math.floor(delayMs / 1000))),
  ];
}

/** A session as accounting says it. `Output` is what goes to the viewer (RFC 2866 s.5.4). */
export function sessionAttributes(
  nas: NasIdentity,
  status: SessionStatus,
  record: UsageRecord,
  moment: Moment,
  /** Of a record. */
  stored: { readonly sequence?: number; readonly correctedByMs?: number | undefined } = {},
): readonly Attribute[] {
  const vendor = (type: number, text: string) => vendorText(nas.vendorId, type, text);
  return [
    integerAttribute(A.acctStatusType, StatusType[status]),
    textAttribute(A.acctSessionId, record.sessionId),
    textAttribute(A.userName, record.subscriber ?? record.mac ?? record.viewer.address),
    textAttribute(A.nasIdentifier, nas.deviceId),
    integerAttribute(A.nasPortType, portVirtual),
    integerAttribute(A.acctAuthentic, authenticLocal),
    addressAttribute({ v4: A.framedIpAddress, v6: A.framedIpv6Address }, record.viewer.address),
    ...(record.mac === null ? [] : [textAttribute(A.callingStationId, stationId(record.mac))]),
    ...momentAttributes(moment),
    ...(status === 'start' ? [] : usageAttributes(record)),
    ...(status === 'stop' ? [integerAttribute(A.acctTerminateCause, causeCode(record.terminateCause))] : []),
    ...vendor(WeirType.feedUrl, record.url),
    ...vendor(WeirType.origin, originText(record)),
    ...vendor(WeirType.transport, `${record.protocol}/${record.transport}`),
    ...(status === 'stop' ? recordAttributes(record, stored, vendor) : []),
  ];
}

function usageAttributes(record: UsageRecord): readonly Attribute[] {
  const packets = BigInt(record.viewerTxPackets);
  return [
    ...octetAttributes(A.acctOutputOctets, A.acctOutputGigawords, BigInt(record.viewerTxBytes)),
    // No gigawords of packets exist: beyond 2^32 the vendor attribute has the whole number.
    integerAttribute(A.acctOutputPackets, Number(packets & 0xffff_ffffn)),
    integerAttribute(A.acctSessionTime, Math.round(record.durationMs / 1000)),
  ];
}

function recordAttributes(
  record: UsageRecord,
  stored: { readonly sequence?: number; readonly correctedByMs?: number | undefined },
  vendor: (type: number, text: string) => readonly Attribute[],
): readonly Attribute[] {
  const { charge } = record;
  return [
    ...vendor(WeirType.recordId, record.recordId),
    ...vendor(WeirType.sequence, String(stored.sequence ?? '')),
    ...vendor(WeirType.chargeAmount, charge.amount),
    ...vendor(WeirType.chargeCurrency, charge.currency),
    ...vendor(WeirType.tariff, `${charge.tariff}/${charge.version}`),
    ...vendor(WeirType.outputPackets, record.viewerTxPackets),
    ...vendor(WeirType.recovered, record.recovered ? 'yes' : 'no'),
    ...(stored.correctedByMs === undefined
      ? []
      : vendor(WeirType.clockCorrectionMs, String(stored.correctedByMs))),
  ];
}

const causeCode = (cause: string): number => terminateCauses[cause] ?? 10;

/** RFC 3580 s.3.21: upper case, hyphens. */
const stationId = (mac: string): string => mac.toUpperCase().replaceAll(':', '-');

const originText = ({ origin }: UsageRecord): string =>
  origin.address.includes(':') ? `[${origin.address}]:${origin.port}` : `${origin.address}:${origin.port}`;
