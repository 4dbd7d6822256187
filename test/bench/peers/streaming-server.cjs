// The npm package rtsp-streaming-server as its README starts it: `streaming-server.cjs FOLDER PUBLISH_PORT VIEWER_PORT`,
// FOLDER being where it is installed. Prints "ready".
const { createRequire } = require('node:module');
const [folder, serverPort, clientPort] = process.argv.slice(2);
const { default: RtspServer } = createRequire(`${folder}/`)('rtsp-streaming-server');
const server = new RtspServer({
  serverPort: Number(serverPort),
  clientPort: Number(clientPort),
  rtpPortStart: 10_000,
  rtpPortCount: 10_000,
});
server.start().then(() => console.log('ready'));
