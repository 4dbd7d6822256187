import { WeirError } from '#base';
import type { Endpoint } from '../datapath/face.ts';

export const keyOf = (at: Endpoint): string => `${at.address} ${at.port}`;

/** A listener of a signal that threw is a fault of the test or of what it tests: it must not pass unseen. */
export function raise(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

export const alreadyClosed = (what: string): WeirError =>
  new WeirError('ALREADY_CLOSED', `${what} is closed`);
