export { RtspViewer } from './audience/rtsp-viewer.ts';
export { demo } from './demo.ts';
export { type Source, startSource } from './source/index.ts';
