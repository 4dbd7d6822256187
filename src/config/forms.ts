import { isIP } from 'node:net';

/** Forms of values that several branches of the configuration have. */

export const mac = { form: 'MAC address like 02:00:5e:10:00:01', pattern: /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i };

export const prefix = {
  form: 'IP address with prefix length like 192.0.2.1/24 or 2001:db8::1/64',
  pattern:
    /^(\d{1,3}(\.\d{1,3}){3}\/([0-9]|[12]\d|3[0-2])|[0-9a-f:]*:[0-9a-f:.]*\/(\d|[1-9]\d|1[01]\d|12[0-8]))$/i,
  fault: (value: string) => addressFault(value, value.split('/')[0]),
};

export const ipAddress = {
  form: 'IP address',
  pattern: /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:.]*)$/i,
  fault: (value: string) => addressFault(value, value),
};

/** An address, or one port of it. */
export const ipEndpoint = {
  form: 'IP address like 192.0.2.9, or with a port like 192.0.2.9:8554 or [2001:db8::9]:8554',
  pattern: /^(\d{1,3}(\.\d{1,3}){3}(:[1-9]\d{0,4})?|[0-9a-f:]*:[0-9a-f:.]*|\[[0-9a-f:.]+\]:[1-9]\d{0,4})$/i,
  fault: (value: string) => {
    const { address, port } = splitEndpoint(value);
    if (port !== undefined && port > 65_535) return `"${value}" has no port from 1 to 65535`;
    return addressFault(value, address);
  },
};

/** What `ipEndpoint` takes, in its parts. */
export function splitEndpoint(text: string): { address: string; port: number | undefined } {
  const [, v6, v4, port] = /^(?:\[(.*)\]|([^:]*)):(\d+)$/.exec(text) ?? [];
  const address = v6 ?? v4;
  if (address === undefined || port === undefined) return { address: text, port: undefined };
  return { address, port: Number(port) };
}

/** The pattern lets numbers above 255 and two gaps in an IPv6 address pass. */
const addressFault = (value: string, address = ''): string | undefined =>
  isIP(address) === 0 ? `"${value}" is no IP address` : undefined;
