/** The demo's origin, in the origin's namespace: `source-process.ts ADDRESS PORT`. Prints `ready`. */
import { startSource } from './index.ts';

const [address = '127.0.0.1', port = '554'] = process.argv.slice(2);
const source = await startSource({ address, port: Number(port) });
console.log('ready');
await new Promise((resolve) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
});
await source.close();
