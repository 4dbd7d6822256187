export { type DropCount, dropMedia, type MediaDrop } from './drop.ts';
export { Fanout, type FanoutOptions, type FanoutReport } from './fanout.ts';
export { defaultClientPort, Load, type LoadOptions, type LoadReport, type ViewerReport } from './load.ts';
export type { JoinTimes } from './load-viewer.ts';
export { buildProgram } from './native-program.ts';
export { type Latency, Receiver, type ReceiverReport, type TrackReport } from './receiver.ts';
export { SourceProcess } from './source-process.ts';
export { Trace, type TraceOptions } from './trace.ts';
export { droppedAddress, droppedBlock, lastReceivingAddress, receivingAddress } from './viewer-addresses.ts';
