/** Header values as the field writes them, and as they must not be. The tables also seed the fuzzer. */
import type {
  RangeSpec,
  RtpInfo,
  SessionHeader,
  TransportSpec,
} from '../../../../src/protocol/rtsp/wire/index.ts';

interface Good<T> {
  readonly name: string;
  readonly text: string;
  readonly value: T;
}
interface Bad {
  readonly name: string;
  readonly text: string;
  readonly status: number;
}

const avp = { profile: 'RTP/AVP', lower: 'UDP', cast: 'unicast', unknown: [] } as const;
const tcp = { ...avp, lower: 'TCP' } as const;

export const goodTransports: readonly Good<readonly TransportSpec[]>[] = [
  {
    name: 'ffmpeg by UDP',
    text: 'RTP/AVP/UDP;unicast;client_port=16200-16201',
    value: [{ ...avp, clientPort: [16200, 16201] }],
  },
  {
    name: 'ffmpeg by TCP',
    text: 'RTP/AVP/TCP;unicast;interleaved=0-1',
    value: [{ ...tcp, interleaved: [0, 1] }],
  },
  {
    name: "GStreamer's answer, mode in quotes",
    text: 'RTP/AVP;unicast;client_port=16200-16201;server_port=35878-35879;ssrc=924BD51F;mode="PLAY"',
    value: [
      {
        ...avp,
        clientPort: [16200, 16201],
        serverPort: [35878, 35879],
        ssrc: 0x924bd51f,
        mode: 'PLAY',
      },
    ],
  },
  {
    name: "live555's answer with addresses",
    text: 'RTP/AVP;unicast;destination=198.18.0.7;source=203.0.113.10;client_port=5000-5001;server_port=6970-6971',
    value: [
      {
        ...avp,
        destination: '198.18.0.7',
        source: '203.0.113.10',
        clientPort: [5000, 5001],
        serverPort: [6970, 6971],
      },
    ],
  },
  {
    name: 'one port for two (RFC 3550 s.11)',
    text: 'RTP/AVP;unicast;client_port=5000',
    value: [{ ...avp, clientPort: [5000, 5001] }],
  },
  {
    name: 'one channel for two',
    text: 'RTP/AVP/TCP;interleaved=254',
    value: [{ ...tcp, interleaved: [254, 255] }],
  },
  {
    name: 'blanks, any case, empty parameters, mode without quotes',
    text: ' rtp/avp/udp ; UNICAST ;; Client_Port = 5000 - 5001 ; mode = play ',
    value: [{ ...avp, clientPort: [5000, 5001], mode: 'PLAY' }],
  },
  {
    name: 'client_port without unicast, which players mean (not the multicast of RFC 2326 s.12.39)',
    text: 'RTP/AVP;client_port=5000-5001',
    value: [{ ...avp, clientPort: [5000, 5001] }],
  },
  {
    name: 'nothing but the profile: multicast (RFC 2326 s.12.39)',
    text: 'RTP/AVP',
    value: [{ ...avp, cast: 'multicast' }],
  },
  {
    name: 'multicast with all there is',
    text: 'RTP/AVP;multicast;destination=239.1.2.3;port=3456-3457;ttl=127;layers=2;append;mode="RECORD,PLAY"',
    value: [
      {
        ...avp,
        cast: 'multicast',
        destination: '239.1.2.3',
        port: [3456, 3457],
        ttl: 127,
        layers: 2,
        append: true,
        mode: 'RECORD,PLAY',
      },
    ],
  },
  {
    name: 'the alternatives of RFC 2326 s.12.39',
    text: 'RTP/AVP;multicast;ttl=127;mode="PLAY",RTP/AVP;unicast;client_port=3456-3457;mode="PLAY"',
    value: [
      { ...avp, cast: 'multicast', ttl: 127, mode: 'PLAY' },
      { ...avp, clientPort: [3456, 3457], mode: 'PLAY' },
    ],
  },
  {
    name: 'the offers of RealPlayer and of VLC to it',
    text: 'x-real-rdt/udp;client_port=6970;mode=play,x-pn-tng/tcp;mode=play,rtp/avp;unicast;client_port=6970-6971;mode=play',
    value: [
      { ...avp, profile: 'X-REAL-RDT', clientPort: [6970, 6971], mode: 'PLAY' },
      { ...tcp, profile: 'X-PN-TNG', mode: 'PLAY' },
      { ...avp, clientPort: [6970, 6971], mode: 'PLAY' },
    ],
  },
  {
    name: 'SAVPF, parameters nobody knows kept as they are',
    text: 'RTP/SAVPF/UDP;unicast;client_port=1-2;X-Dyn = "a,b;c";rtcp-mux',
    value: [{ ...avp, profile: 'RTP/SAVPF', clientPort: [1, 2], unknown: ['X-Dyn = "a,b;c"', 'rtcp-mux'] }],
  },
  {
    name: 'the word destination alone, and IPv6',
    text: 'RTP/AVP;unicast;destination;source="2001:db8::1";client_port=2-3',
    value: [{ ...avp, destination: '', source: '2001:db8::1', clientPort: [2, 3] }],
  },
  {
    name: 'port 0, which tells nothing, and an SSRC that is none',
    text: 'RTP/AVP;unicast;client_port=2-3;server_port=0-0;ssrc=2456789012',
    value: [{ ...avp, clientPort: [2, 3], unknown: ['server_port=0-0', 'ssrc=2456789012'] }],
  },
  {
    name: 'bad alternatives beside a good one',
    text: 'RTP/AVP;unicast;client_port=x, RTP/AVP/SCTP;unicast,,RTP/AVP/TCP;unicast;interleaved=2-3',
    value: [{ ...tcp, interleaved: [2, 3] }],
  },
];

export const badTransports: readonly Bad[] = [
  { name: 'nothing', text: '', status: 400 },
  { name: 'only commas', text: ',,', status: 400 },
  { name: 'no profile', text: 'RTP;unicast', status: 400 },
  { name: 'an unknown lower transport (RFC 2326 s.11.3.14)', text: 'RTP/AVP/SCTP;unicast', status: 461 },
  {
    name: 'an unknown lower transport beside a bad one',
    text: 'RTP/AVP;client_port=,RTP/AVP/DCCP',
    status: 461,
  },
  { name: 'a port above 65535', text: 'RTP/AVP;unicast;client_port=65536-65537', status: 400 },
  { name: 'one port without a next', text: 'RTP/AVP;unicast;client_port=65535', status: 400 },
  { name: 'ports the wrong way round', text: 'RTP/AVP;unicast;client_port=5001-5000', status: 400 },
  { name: 'three ports', text: 'RTP/AVP;unicast;client_port=1-2-3', status: 400 },
  { name: 'a negative port', text: 'RTP/AVP;unicast;client_port=-5', status: 400 },
  { name: 'a channel above 255', text: 'RTP/AVP/TCP;interleaved=255-256', status: 400 },
  { name: 'one channel without a next', text: 'RTP/AVP/TCP;interleaved=255', status: 400 },
  { name: 'a parameter twice', text: 'RTP/AVP;unicast;client_port=2-3;client_port=4-5', status: 400 },
  { name: 'unicast and multicast', text: 'RTP/AVP;unicast;multicast', status: 400 },
  { name: 'a quote left open', text: 'RTP/AVP;unicast;mode="PLAY', status: 400 },
  { name: 'an address that is none', text: 'RTP/AVP;unicast;destination="a;b"', status: 400 },
  { name: 'a ttl above 255', text: 'RTP/AVP;multicast;ttl=256', status: 400 },
  { name: 'a mode that is no word', text: 'RTP/AVP;unicast;mode="<>"', status: 400 },
];

export const goodRanges: readonly Good<Omit<RangeSpec, 'raw'>>[] = [
  { name: 'from now on', text: 'npt=now-', value: { unit: 'npt', start: 'now' } },
  { name: 'from the start, as ffmpeg asks', text: 'npt=0.000-', value: { unit: 'npt', start: 0 } },
  { name: 'a part', text: 'npt=10.5-3600', value: { unit: 'npt', start: 10.5, end: 3600 } },
  { name: 'up to', text: 'npt=-20', value: { unit: 'npt', end: 20 } },
  {
    name: 'hours (RFC 2326 s.3.6)',
    text: 'npt=01:02:03.5-12:05:35.3',
    value: { unit: 'npt', start: 3723.5, end: 43535.3 },
  },
  { name: 'up to now', text: 'npt=0-now', value: { unit: 'npt', start: 0, end: 'now' } },
  { name: 'no dash', text: 'npt=5', value: { unit: 'npt', start: 5 } },
  {
    name: 'blanks, case and a time to act',
    text: 'NPT = 1 - 2 ;time=19970123T143720Z',
    value: { unit: 'npt', start: 1, end: 2 },
  },
  {
    name: 'wall clock (RFC 2326 s.3.7)',
    text: 'clock=19961108T142300Z-19961108T143520.25Z',
    value: { unit: 'clock', start: '19961108T142300Z', end: '19961108T143520.25Z' },
  },
  {
    name: 'wall clock, open',
    text: 'clock=19961108T142300Z-',
    value: { unit: 'clock', start: '19961108T142300Z' },
  },
  {
    name: 'SMPTE (RFC 2326 s.3.5)',
    text: 'smpte=10:12:33:20-',
    value: { unit: 'smpte', start: '10:12:33:20' },
  },
  {
    name: 'SMPTE of 25 frames',
    text: 'smpte-25=10:07:00-10:07:33:05.01',
    value: { unit: 'smpte', start: '10:07:00', end: '10:07:33:05.01' },
  },
];

export const badRanges: readonly Bad[] = [
  { name: 'nothing', text: '', status: 457 },
  { name: 'no unit', text: '0-5', status: 457 },
  { name: 'an unknown unit (RFC 2326 s.12.29)', text: 'bytes=0-', status: 501 },
  { name: 'no times', text: 'npt=-', status: 457 },
  { name: 'three times', text: 'npt=1-2-3', status: 457 },
  { name: 'a sign', text: 'npt=+1-', status: 457 },
  { name: 'an exponent', text: 'npt=1e5-', status: 457 },
  { name: 'a number beyond measure', text: `npt=${'9'.repeat(400)}-`, status: 457 },
  { name: 'sixty minutes', text: 'npt=1:60:00-', status: 457 },
  { name: 'a date that is none', text: 'clock=yesterday-', status: 457 },
  { name: 'frames that are none', text: 'smpte=10:12-', status: 457 },
];

export const goodSessions: readonly Good<SessionHeader>[] = [
  { name: 'an id', text: '47112344', value: { rtspSessionId: '47112344' } },
  {
    name: 'a timeout (RFC 2326 s.12.37)',
    text: 'fTgU$-_.+;timeout=20',
    value: { rtspSessionId: 'fTgU$-_.+', timeoutSeconds: 20 },
  },
  {
    name: 'blanks, case and quotes',
    text: '7B/=x ; Timeout = "90" ; x=y',
    value: { rtspSessionId: '7B/=x', timeoutSeconds: 90 },
  },
  { name: 'a timeout of 0, which is none', text: 'a;timeout=0', value: { rtspSessionId: 'a' } },
  { name: 'a timeout that is none', text: 'a;timeout=soon', value: { rtspSessionId: 'a' } },
  { name: 'a timeout beyond measure', text: 'a;timeout=99999999999', value: { rtspSessionId: 'a' } },
];

export const badSessions: readonly Bad[] = [
  { name: 'nothing', text: '', status: 454 },
  { name: 'no id', text: ';timeout=60', status: 454 },
  { name: 'a blank within', text: 'a b', status: 454 },
  { name: 'two ids', text: 'a,b', status: 454 },
  { name: 'a quote', text: '"a"', status: 454 },
  { name: 'a byte above 0x7e', text: 'a\xe9', status: 454 },
  { name: '257 characters', text: 'a'.repeat(257), status: 454 },
];

export const rtpInfos: readonly Good<readonly RtpInfo[]>[] = [
  {
    name: 'two tracks of GStreamer',
    text: 'url=rtsp://203.0.113.10:554/live/stream=0;seq=1217;rtptime=23333788, url=rtsp://203.0.113.10:554/live/stream=1;seq=65535;rtptime=4294967295',
    value: [
      { url: 'rtsp://203.0.113.10:554/live/stream=0', seq: 1217, rtpTime: 23333788 },
      { url: 'rtsp://203.0.113.10:554/live/stream=1', seq: 65535, rtpTime: 4294967295 },
    ],
  },
  {
    name: 'commas, semicolons and parameters within the URL',
    text: 'url=rtsp://h/a,b;seq=1/c;x;seq=9,url=rtsp://h/d?seq=2',
    value: [{ url: 'rtsp://h/a,b;seq=1/c;x', seq: 9 }, { url: 'rtsp://h/d?seq=2' }],
  },
  {
    name: 'order, case, blanks, quotes and an ssrc',
    text: ' URL = "trackID=1" ; RTPTIME = 7 ; ssrc=1234 ; Seq=3 ',
    value: [{ url: 'trackID=1', seq: 3, rtpTime: 7 }],
  },
  {
    name: 'numbers that are none, left out',
    text: 'url=a;seq=65536;rtptime=-1,url=b;seq=;rtptime=4294967296',
    value: [{ url: 'a' }, { url: 'b' }],
  },
  { name: 'nothing', text: '', value: [] },
  { name: 'no url', text: 'seq=1;rtptime=2', value: [] },
];

export const lists: readonly Good<readonly string[]>[] = [
  {
    name: 'Public',
    text: 'OPTIONS, DESCRIBE,SETUP ,,\tPLAY',
    value: ['OPTIONS', 'DESCRIBE', 'SETUP', 'PLAY'],
  },
  { name: 'quotes', text: 'a="b,\\",c",d', value: ['a="b,\\",c"', 'd'] },
  { name: 'nothing', text: ' ', value: [] },
];
