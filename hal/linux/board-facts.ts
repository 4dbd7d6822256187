/** The only importer of systeminformation: it starts some twenty programs a call, so it is asked once. */
import { cpu, osInfo, system } from 'systeminformation';

export interface DiscoveredFacts {
  readonly manufacturer: string | undefined;
  readonly model: string | undefined;
  readonly serialNumber: string | undefined;
  readonly cpu: string | undefined;
  readonly os: string | undefined;
}

/** What board makers leave in the fields they forgot. */
const placeholder =
  /^(-|none|n\/a|unknown|default string|not (specified|applicable|available)|to be filled by o\.?e\.?m\.?|system (manufacturer|product name|serial number)|0+)$/i;

export async function discoverFacts(): Promise<DiscoveredFacts> {
  const [board, processor, os] = await Promise.all([system(), cpu(), osInfo()]);
  return {
    manufacturer: known(board.manufacturer),
    model: known(board.model),
    serialNumber: known(board.serial),
    cpu: known([processor.manufacturer, processor.brand].filter(Boolean).join(' ')),
    os: known([os.distro, os.release].filter(Boolean).join(' ')),
  };
}

/** Undefined for a value that says nothing. */
export function known(value: string | undefined): string | undefined {
  const text = value?.replace(/\0/g, '').trim();
  return text && !placeholder.test(text) ? text : undefined;
}
