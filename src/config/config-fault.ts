/** One thing that is wrong with a configuration, by its path: `relay.rtsp.ports[0]`. */
export interface ConfigFault {
  readonly path: string;
  readonly text: string;
}
