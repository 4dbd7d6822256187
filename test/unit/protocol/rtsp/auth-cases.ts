/** Challenges and proofs of RFC 2617 and RFC 7616 and of the field. The tables also seed the fuzzer. */
import type { Authorization, Challenge } from '../../../../src/protocol/rtsp/wire/index.ts';

export const challengeCases: readonly {
  readonly name: string;
  readonly values: readonly string[];
  readonly challenges: readonly Challenge[];
}[] = [
  {
    name: 'Basic',
    values: ['Basic realm="WallyWorld"'],
    challenges: [{ scheme: 'basic', realm: 'WallyWorld', raw: 'Basic realm="WallyWorld"' }],
  },
  {
    name: 'Digest of GStreamer',
    values: ['Digest realm="GStreamer RTSP Server", nonce="1d9e6c5bfb0a4a72"'],
    challenges: [
      {
        scheme: 'digest',
        realm: 'GStreamer RTSP Server',
        nonce: '1d9e6c5bfb0a4a72',
        raw: 'Digest realm="GStreamer RTSP Server", nonce="1d9e6c5bfb0a4a72"',
      },
    ],
  },
  {
    name: 'everything RFC 7616 has, in any case',
    values: [
      'DIGEST Realm="a, \\"b\\"",qop="auth, AUTH-INT" , algorithm=SHA-256, nonce="n=", opaque="", stale=TRUE, charset=UTF-8',
    ],
    challenges: [
      {
        scheme: 'digest',
        realm: 'a, "b"',
        nonce: 'n=',
        opaque: '',
        algorithm: 'SHA-256',
        qop: ['auth', 'auth-int'],
        stale: true,
        raw: 'DIGEST Realm="a, \\"b\\"", qop="auth, AUTH-INT", algorithm=SHA-256, nonce="n=", opaque="", stale=TRUE, charset=UTF-8',
      },
    ],
  },
  {
    name: 'three in one header, and one in another',
    values: ['Digest realm="d", nonce="1", stale=false, Basic realm="b", Negotiate', 'Basic'],
    challenges: [
      {
        scheme: 'digest',
        realm: 'd',
        nonce: '1',
        stale: false,
        raw: 'Digest realm="d", nonce="1", stale=false',
      },
      { scheme: 'basic', realm: 'b', raw: 'Basic realm="b"' },
      { scheme: 'other', realm: '', raw: 'Negotiate' },
      { scheme: 'basic', realm: '', raw: 'Basic' },
    ],
  },
  {
    name: 'what is none of it left out',
    values: [
      '',
      ',',
      '="x"',
      'realm="no scheme"',
      'Digest realm="r, nonce="n"',
      'Basic realm="1", realm="2", =',
    ],
    challenges: [
      { scheme: 'digest', realm: '', raw: 'Digest realm="r, nonce="n"' },
      { scheme: 'basic', realm: '1', raw: 'Basic realm="1", realm="2", =' },
    ],
  },
];

export const goodAuthorizations: readonly {
  readonly name: string;
  readonly text: string;
  readonly value: Authorization;
}[] = [
  {
    name: 'Basic (RFC 2617 s.2)',
    text: 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==',
    value: { scheme: 'basic', username: 'Aladdin', password: 'open sesame' },
  },
  {
    name: 'Basic with colons in the password, none in the name',
    text: 'basic  OmE6Yg==',
    value: { scheme: 'basic', username: '', password: 'a:b' },
  },
  {
    name: 'Digest of live555',
    text: 'Digest username="u", realm="r", nonce="n", uri="rtsp://h/live/", response="0123456789abcdef0123456789abcdef"',
    value: {
      scheme: 'digest',
      username: 'u',
      realm: 'r',
      nonce: 'n',
      uri: 'rtsp://h/live/',
      response: '0123456789abcdef0123456789abcdef',
    },
  },
  {
    name: 'Digest with qop',
    text: 'Digest username="u",realm="r",nonce="n",uri="/a,b",response="x",algorithm=MD5,opaque="o",qop=auth,nc=00000001,cnonce="c"',
    value: {
      scheme: 'digest',
      username: 'u',
      realm: 'r',
      nonce: 'n',
      uri: '/a,b',
      response: 'x',
      algorithm: 'MD5',
      opaque: 'o',
      qop: 'auth',
      nc: '00000001',
      cnonce: 'c',
    },
  },
  { name: 'a scheme we do not know', text: 'Bearer abc.def', value: { scheme: 'other' } },
];

export const badAuthorizations: readonly { readonly name: string; readonly text: string }[] = [
  { name: 'nothing', text: '' },
  { name: 'no scheme', text: '"Basic" abc' },
  { name: 'Basic without credentials', text: 'Basic' },
  { name: 'Basic that is no base64', text: 'Basic a*b' },
  { name: 'Basic without a colon', text: 'Basic YWJj' },
  { name: 'two schemes in one', text: 'Digest username="u", Basic QWxhZGRpbg==' },
];

/** Known answers: RFC 2617 s.3.5, RFC 7616 s.3.9.1, RFC 2069 s.2.4 as its erratum corrects it. */
export const knownAnswers: readonly {
  readonly name: string;
  readonly challenge: string;
  readonly username: string;
  readonly password: string;
  readonly method: string;
  readonly uri: string;
  readonly cnonce?: string;
  readonly response: string;
}[] = [
  {
    name: 'RFC 2617 s.3.5',
    challenge:
      'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
    username: 'Mufasa',
    password: 'Circle Of Life',
    method: 'GET',
    uri: '/dir/index.html',
    cnonce: '0a4f113b',
    response: '6629fae49393a05397450978507c4ef1',
  },
  ...(
    [
      ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
      ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
    ] as const
  ).map(([algorithm, response]) => ({
    name: `RFC 7616 s.3.9.1, ${algorithm}`,
    challenge: `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
    username: 'Mufasa',
    password: 'Circle of Life',
    method: 'GET',
    uri: '/dir/index.html',
    cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
    response,
  })),
  {
    name: 'RFC 2069 s.2.4, without qop',
    challenge:
      'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
    username: 'Mufasa',
    password: 'CircleOfLife',
    method: 'GET',
    uri: '/dir/index.html',
    response: '1949323746fe6a43ef61f9606e7febea',
  },
];
