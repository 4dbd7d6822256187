import { createHash } from 'node:crypto';

/** JSON with its own hash, so that a file in which one bit has turned is known. */
export function seal(body: unknown): string {
  return `${JSON.stringify({ sha256: sha256(JSON.stringify(body)), body }, undefined, 1)}\n`;
}

/** What was sealed; undefined when it is not what was. */
export function unseal(text: string): unknown {
  try {
    const { sha256: hash, body } = JSON.parse(text) as { sha256?: unknown; body?: unknown };
    return body !== undefined && hash === sha256(JSON.stringify(body)) ? body : undefined;
  } catch {
    return undefined;
  }
}

export const sha256 = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');
