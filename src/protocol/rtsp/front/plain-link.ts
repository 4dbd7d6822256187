import type { Endpoint } from '#hal';
import { MessageStream } from '../message-stream.ts';
import type { ViewerLink } from './viewer-link.ts';

/** RTSP as it is, on one connection. */
export class PlainLink extends MessageStream implements ViewerLink {
  get viewer(): Endpoint {
    return this.remote;
  }

  get origin(): Endpoint {
    return this.local;
  }
}
