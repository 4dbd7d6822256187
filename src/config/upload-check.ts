import type { ConfigFault } from './config-fault.ts';
import type { Config } from './tree.ts';

type Upload = Config['upload'];

/** What no single value of `upload` can say about itself. */
export function checkUpload(upload: Upload, faults: ConfigFault[]): void {
  for (const kind of ['radius', 'https', 'mqtt'] as const) checkKeys(kind, upload[kind], faults);
  for (const [index, receiver] of upload.radius.entries()) checkRadius(index, receiver, faults);
  for (const kind of ['https', 'mqtt'] as const) {
    for (const [index, { url }] of upload[kind].entries()) {
      const path = `upload.${kind}[${index}].url`;
      if (url === undefined) faults.push({ path, text: 'where is it?' });
      else if (!URL.canParse(url)) faults.push({ path, text: `"${url}" is no URL` });
    }
  }
}

function checkKeys(
  kind: 'radius' | 'https' | 'mqtt',
  receivers: readonly { readonly certFile?: string; readonly keyFile?: string }[],
  faults: ConfigFault[],
): void {
  for (const [index, { certFile, keyFile }] of receivers.entries()) {
    const path = `upload.${kind}[${index}]`;
    if ((certFile === undefined) !== (keyFile === undefined)) {
      faults.push({ path, text: 'certFile and keyFile go together' });
    }
  }
}

function checkRadius(index: number, receiver: Upload['radius'][number], faults: ConfigFault[]): void {
  const path = `upload.radius[${index}]`;
  const { transport, servers, caFile, certFile } = receiver;
  if (servers.length === 0) faults.push({ path: `${path}.servers`, text: 'needs at least one server' });
  for (const [place, { secret }] of servers.entries()) {
    if ((transport === 'udp') !== (secret !== undefined)) {
      const text =
        transport === 'udp' ? 'RADIUS by UDP needs a secret' : 'by TLS there is no secret of our own';
      faults.push({ path: `${path}.servers[${place}].secret`, text });
    }
  }
  if (transport === 'tls' && (caFile === undefined || certFile === undefined)) {
    faults.push({ path, text: 'RadSec needs caFile, certFile and keyFile' });
  }
}
