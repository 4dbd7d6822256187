import { strict as assert } from 'node:assert';
import { mediaFlows, takenFlows } from './media-flows.ts';
import { type Packet, readPcap } from './pcap.ts';
import { requestsOf } from './rtsp-items.ts';
import { tcpConnections } from './tcp-connections.ts';

const client = { address: '198.18.0.10', port: 40_000 };
const server = { address: '203.0.113.10', port: 554 };

/** One segment of a connection; flags as in `SYN`, `SYN+ACK`, `FIN`. */
function segment(from: 'client' | 'server', seq: number, text: string, flags = 'ACK', ackNumber = 0): Packet {
  const [source, destination] = from === 'client' ? [client, server] : [server, client];
  const has = (flag: string) => flags.split('+').includes(flag);
  const tcp = {
    ...{ seq: seq >>> 0, ackNumber: ackNumber >>> 0 },
    ...{ syn: has('SYN'), ack: has('ACK'), fin: has('FIN'), rst: has('RST') },
  };
  const payload = Buffer.from(text, 'latin1');
  return { atMs: 0, kind: 'tcp', source, destination, payload, tcp, etherType: 0x0800 };
}

/** A capture file of one Ethernet frame. */
function pcapOf(frame: Buffer, originalBytes = frame.length): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt32LE(1, 20);
  const record = Buffer.alloc(16);
  record.writeUInt32LE(5, 0);
  record.writeUInt32LE(250_000, 4);
  record.writeUInt32LE(frame.length, 8);
  record.writeUInt32LE(originalBytes, 12);
  return Buffer.concat([header, record, frame]);
}

/** UDP in IPv4 in Ethernet, padded to the smallest frame; `fragment` is the IP header's fragment field. */
function udpFrame(payload: Buffer, fragment = 0): Buffer {
  const frame = Buffer.alloc(Math.max(60, 42 + payload.length));
  frame.writeUInt16BE(0x0800, 12);
  frame.writeUInt8(0x45, 14);
  frame.writeUInt16BE(28 + payload.length, 16);
  frame.writeUInt16BE(fragment, 20);
  frame.writeUInt8(17, 23);
  frame.set([203, 0, 113, 10], 26);
  frame.set([198, 18, 0, 10], 30);
  frame.writeUInt16BE(5000, 34);
  frame.writeUInt16BE(6000, 36);
  frame.writeUInt16BE(8 + payload.length, 38);
  payload.copy(frame, 42);
  return frame;
}

describe('lab: reading captures', () => {
  it('takes the length of UDP from its header, not from a padded frame (RFC 768)', () => {
    const [packet, ...others] = readPcap(pcapOf(udpFrame(Buffer.from('abcd'))));
    assert.equal(others.length, 0);
    assert.equal(packet?.kind, 'udp');
    assert.equal(packet?.payload.toString(), 'abcd');
    assert.equal(packet?.atMs, 5_250);
    assert.deepEqual(packet?.source, { address: '203.0.113.10', port: 5000 });
  });

  it('refuses a frame cut short and an IP fragment, whose bytes cannot be counted', () => {
    const frame = udpFrame(Buffer.from('abcd'));
    assert.throws(() => readPcap(pcapOf(frame, 2000)), /cut short/);
    assert.throws(() => readPcap(pcapOf(udpFrame(Buffer.from('abcd'), 0x2000))), /fragment/);
  });

  it('reads an unfinished capture up to its last whole record', () => {
    const file = pcapOf(udpFrame(Buffer.from('abcd')));
    assert.deepEqual(readPcap(file.subarray(0, file.length - 1)), []);
  });

  it('counts by TCP what the viewer acknowledged, whole packets, and nothing by a reset (RFC 9293 s.3.10.7.4)', () => {
    const start = 0xffff_ffe0;
    const frame = `$\0\0\x14${'\x80'.padEnd(20, '\0')}`;
    const packets = [
      segment('client', 9, '', 'SYN'),
      segment('server', start - 1, '', 'SYN+ACK', 10),
      segment('client', 10, 'PLAY rtsp://o/l RTSP/1.0\r\n\r\n', 'ACK', start),
      segment('server', start, frame + frame + frame),
      segment('client', 38, '', 'ACK', start + 24),
      segment('client', 38, '', 'ACK', start + 71),
      segment('client', 38, '', 'ACK', start + 24),
      segment('client', 38, '', 'RST+ACK', start + 72),
    ];
    const counts = (flows: ReturnType<typeof mediaFlows>) =>
      flows.map(({ rtpPackets, rtpBytes }) => [rtpPackets, rtpBytes]);
    assert.deepEqual(counts(mediaFlows(packets)), [[3, 60]]);
    assert.deepEqual(counts(takenFlows(packets)), [[2, 40]]);
  });

  it('puts segments in order, drops repetitions, and counts over the end of the sequence space (RFC 9293 s.3.4)', () => {
    const start = 0xffff_fff0;
    const [connection] = tcpConnections([
      segment('client', start - 1, '', 'SYN'),
      segment('server', 99, '', 'SYN+ACK'),
      segment('client', start, 'OPTIONS rtsp://o/l '),
      segment('client', start + 29, 'CSeq: 1\r\n\r\n'),
      segment('client', start, 'OPTIONS rtsp://o/l '),
      segment('client', start + 10, 'sp://o/l RTSP/1.0\r\n'),
      segment('server', 100, '', 'FIN+ACK'),
    ]);
    const [request] = requestsOf(connection?.toServer ?? []);
    assert.equal(request?.message.startLine, 'OPTIONS rtsp://o/l RTSP/1.0');
    assert.equal(request?.message.headers.get('cseq'), '1');
    assert.deepEqual(connection?.ended, { by: 'server', how: 'fin', atMs: 0 });
  });

  it('refuses a connection with a hole', () => {
    const packets = [segment('client', 0, '', 'SYN'), segment('client', 5, 'x')];
    assert.throws(() => tcpConnections(packets), /missing/);
  });

  it('tells RTP from RTCP and from a hole punch (RFC 5761 s.4)', () => {
    const udp = (payload: Buffer): Packet => ({
      ...{ atMs: 1, kind: 'udp', source: server, destination: client, payload },
      ...{ tcp: undefined, etherType: 0x0800 },
    });
    const rtp = Buffer.concat([Buffer.from('80e0000100000000deadbeef', 'hex'), Buffer.alloc(100)]);
    const receiverReportAndBye = Buffer.from('80c90001deadbeef81cb0001deadbeef', 'hex');
    const punch = Buffer.from('800000000000000000000000', 'hex');
    const [flow, ...others] = mediaFlows([udp(rtp), udp(receiverReportAndBye), udp(punch)]);
    assert.equal(others.length, 0);
    const { rtpPackets, rtpBytes, rtcpPackets, byes } = flow ?? {};
    assert.deepEqual(
      { rtpPackets, rtpBytes, rtcpPackets, byes },
      { rtpPackets: 1, rtpBytes: 112, rtcpPackets: 1, byes: 1 },
    );
  });
});
