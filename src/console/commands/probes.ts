import { WeirError } from '#base';
import type { PingResult, TestStep, TracerouteResult } from '../../operations/index.ts';
import { type Arguments, command, type Parameter } from '../command.ts';

const target: Parameter = {
  kind: 'word',
  name: 'target',
  help: 'whom to ask',
  form: 'IP address or host name',
};

const number = (name: string, help: string): Parameter => ({
  kind: 'option',
  name,
  help,
  form: 'whole number',
});

export const probeCommands = [
  command({
    path: 'ping',
    help: 'whether a host answers, and how fast',
    needs: 'operator',
    parameters: [
      target,
      number('count', 'how often, 1 to 100; 5 when not given'),
      number('size', 'bytes in each packet, 8 to 9000'),
    ],
    run: ({ operations, signal }, args) =>
      operations.ping({
        target: args.need('target'),
        count: numberOf(args, 'count'),
        sizeBytes: numberOf(args, 'size'),
        signal,
      }),
    render: renderLine,
  }),
  command({
    path: 'traceroute',
    help: 'the routers on the way to a host',
    needs: 'operator',
    parameters: [target, number('hops', 'at most so many routers, 1 to 64; 30 when not given')],
    run: ({ operations, signal }, args) =>
      operations.traceroute({ target: args.need('target'), maxHops: numberOf(args, 'hops'), signal }),
    render: renderLine,
  }),
  command({
    path: 'test relay',
    help: 'opens a feed as a viewer would, and says step by step what happens; nobody is billed',
    needs: 'operator',
    parameters: [
      { kind: 'word', name: 'url', help: 'the feed', form: 'rtsp://[USER:PASSWORD@]HOST[:PORT]/PATH' },
    ],
    hides: (_surroundings, args) => (args.get('url') ?? '').includes('@'),
    run: ({ operations, signal }, args) => operations.testRelay({ url: args.need('url'), signal }),
    render: ({ step, ok, ms, text }: TestStep) =>
      `${ok ? 'ok    ' : 'FAILED'}  ${step.padEnd(12)}  ${`${ms} ms`.padStart(8)}  ${text}\n`,
  }),
];

/** What the lines have told, the result repeats for programs. */
function renderLine(told: { line: string } | { result: PingResult | TracerouteResult }): string {
  return 'line' in told ? `${told.line}\n` : '';
}

function numberOf(args: Arguments, name: string): number | undefined {
  const text = args.get(name);
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new WeirError('USAGE', `${name} takes a whole number, not "${text.slice(0, 40)}"`);
}
