import type { AccessMethod, Recognition } from './access-method.ts';
import { rtspAccessMethod } from './rtsp/index.ts';

/** The access methods Weir knows, by the method of their URLs. */
export const accessMethods: ReadonlyMap<string, AccessMethod> = new Map([
  [rtspAccessMethod.name, rtspAccessMethod],
]);

/** Is what this URL names a live service? By its access method alone; one that is not known is not live. */
export function isLive(url: string): boolean {
  const method = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  return method !== undefined && accessMethods.get(method)?.live === true;
}

/** Whose first bytes these are. */
export function recogniseAccessMethod(bytes: Uint8Array): {
  method: AccessMethod | undefined;
  recognition: Recognition;
} {
  let undecided = false;
  for (const method of accessMethods.values()) {
    const recognition = method.recognise(bytes);
    if (recognition === 'yes') return { method, recognition };
    undecided ||= recognition === 'need-more';
  }
  return { method: undefined, recognition: undecided ? 'need-more' : 'no' };
}

/** Does an origin that begins so speak one of our protocols? */
export const answersLive = (bytes: Uint8Array): boolean =>
  [...accessMethods.values()].some((method) => method.answers(bytes));
