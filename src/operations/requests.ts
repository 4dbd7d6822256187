import { WeirError } from '#base';
import type { RootVerbs } from '#hal';
import type { Uploads } from '../upload/index.ts';

export const systemRequests = ['reboot', 'power-off', 'restart'] as const;
export type SystemRequest = (typeof systemRequests)[number];

/**
 * Does one of the fixed verbs and no other. `restart` ends Weir in order and starts it again; viewers are ended.
 *
 * @throws {WeirError} USAGE, NOT_AVAILABLE on a machine that is not Weir's to reboot, VERB_FAILED.
 */
export async function requestSystem(
  request: SystemRequest,
  { rootVerbs, restart }: { readonly rootVerbs: RootVerbs; readonly restart: () => void },
): Promise<{ readonly request: SystemRequest }> {
  if (!systemRequests.includes(request)) {
    throw new WeirError('USAGE', `there is no such request; known are ${systemRequests.join(', ')}`);
  }
  if (request === 'restart') restart();
  else await rootVerbs.run(request, []);
  return { request };
}

/** Nobody waits for the pause after a failed delivery any more. */
export function requestUpload(uploads: Pick<Uploads, 'hurry' | 'names'>): {
  readonly destinations: readonly string[];
} {
  uploads.hurry();
  return { destinations: uploads.names() };
}
