/** Forms of values that several branches of the configuration have. */

export const mac = { form: 'MAC address like 02:00:5e:10:00:01', pattern: /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i };
export const prefix = {
  form: 'IP address with prefix length like 192.0.2.1/24 or 2001:db8::1/64',
  pattern:
    /^(\d{1,3}(\.\d{1,3}){3}\/([0-9]|[12]\d|3[0-2])|[0-9a-f:]*:[0-9a-f:.]*\/(\d|[1-9]\d|1[01]\d|12[0-8]))$/i,
};
