import assert from 'node:assert/strict';
import {
  Candidate,
  compareTrees,
  configTree,
  loadText,
  type RawBranch,
  renderCompare,
  renderCurly,
  renderSetLines,
  runSetLines,
} from '../../../src/config/index.ts';

const tree: RawBranch = {
  system: { name: 'edge-7' },
  relay: {
    ringSeconds: 10,
    feeds: [{ url: 'rtsp://h/a?b=1;c', catchUp: { enabled: false } }, { url: '*' }],
    rtsp: { ports: [554, 8554] },
    origins: [
      { address: '192.0.2.9', username: 'a "b" \\ c', password: 'hush hush' },
      { address: '[2001:db8::9]:8554' },
    ],
  },
};

const lines = [
  'set system name edge-7',
  'set relay ringSeconds 10',
  'set relay feeds "rtsp://h/a?b=1;c" catchUp enabled false',
  'set relay feeds *',
  'set relay rtsp ports 554',
  'set relay rtsp ports 8554',
  'set relay origins 192.0.2.9 username "a \\"b\\" \\\\ c"',
  'set relay origins 192.0.2.9 password "hush hush"',
  'set relay origins "[2001:db8::9]:8554"',
];

function made(text: string): RawBranch {
  const candidate = new Candidate({ tree: {} });
  assert.deepEqual(runSetLines(candidate, text), []);
  return candidate.tree();
}

describe('set lines', () => {
  it('say what is set, in the order of the schema', () => {
    assert.deepEqual(renderSetLines(configTree, tree, [], { secrets: true }), lines);
  });

  it('make the same tree again', () => assert.deepEqual(made(lines.join('\r\n')), tree));

  it('hide secrets unless they are asked for, and what is hidden is not taken back', () => {
    const hidden = renderSetLines(configTree, tree);
    assert.ok(!hidden.join('\n').includes('hush'));
    const candidate = new Candidate({ tree: {} });
    assert.deepEqual(
      runSetLines(candidate, hidden.join('\n')).map(({ line }) => line),
      [8],
    );
  });

  it('carry remarks', () => {
    const annotations = { 'relay origins 192.0.2.9': 'the "old" head-end', relay: 'all' };
    const candidate = new Candidate({ tree: {} });
    const text = renderSetLines(configTree, tree, [], { secrets: true, annotations }).join('\n');
    assert.deepEqual(runSetLines(candidate, text), []);
    assert.deepEqual(candidate.annotations(), annotations);
  });

  it('delete, insert, and name the lines that cannot be done', () => {
    const candidate = new Candidate({ tree });
    const text = `# a comment
      delete relay origins
      set relay feeds rtsp://new/*
      insert relay feeds rtsp://new/* before *   # the first that matches counts

      set relay ringSeconds 0
      delete relay origins
      insert relay feeds *
      set system name "open
      frobnicate`;
    assert.deepEqual(
      runSetLines(candidate, text).map(({ line, text }) => [line, /^[^:>]{3,40}/.exec(text)?.[0]]),
      [
        [6, 'relay ringSeconds'],
        [7, 'relay origins is not set'],
        [8, 'insert what before or after what?'],
        [9, 'a quote is not closed -'],
        [10, '"frobnicate" is none of set, delete, ins'],
      ],
    );
    assert.deepEqual(
      (candidate.get(['relay', 'feeds']) as RawBranch[]).map(({ url }) => url),
      ['rtsp://h/a?b=1;c', 'rtsp://new/*', '*'],
    );
  });
});

describe('a text that is loaded', () => {
  for (const [what, text] of [
    ['JSON', JSON.stringify({ relay: { ringSeconds: 11 } }, undefined, 2)],
    ['set lines', 'set relay ringSeconds 11\n'],
  ] as const) {
    it(`is merged as ${what}`, () => {
      const candidate = new Candidate({ tree });
      assert.deepEqual(loadText(candidate, 'merge', text), []);
      assert.deepEqual(candidate.tree(), {
        ...tree,
        relay: { ...(tree.relay as RawBranch), ringSeconds: 11 },
      });
    });
    it(`takes the place of all as ${what}`, () => {
      const candidate = new Candidate({ tree });
      assert.deepEqual(loadText(candidate, 'override', text), []);
      assert.deepEqual(candidate.tree(), { relay: { ringSeconds: 11 } });
    });
  }

  for (const [what, text, line] of [
    ['JSON that is torn', '{\n  "relay": {\n    "ringSeconds": 11', 3],
    ['JSON with a value out of range', '{ "relay": { "ringSeconds": 0 } }', 1],
    ['set lines of which one is wrong', 'set relay ringSeconds 11\nset relay ringBytes 1\n', 2],
    ['nonsense', 'hello', 1],
  ] as const) {
    it(`changes nothing when it is ${what}`, () => {
      const candidate = new Candidate({ tree });
      const faults = loadText(candidate, 'override', text);
      assert.deepEqual(
        faults.map(({ line }) => line),
        [line],
      );
      assert.equal(candidate.changedFrom(tree), false);
    });
  }
});

describe('show', () => {
  it('is in curly brackets, with remarks, without secrets', () => {
    const annotations = { 'relay origins 192.0.2.9': 'the head-end', 'relay rtsp ports 8554': 'as of old' };
    assert.deepEqual(renderCurly(configTree, tree, [], { annotations }), [
      'system {',
      '    name edge-7;',
      '}',
      'relay {',
      '    ringSeconds 10;',
      '    feeds {',
      '        "rtsp://h/a?b=1;c" {',
      '            catchUp {',
      '                enabled false;',
      '            }',
      '        }',
      '        *;',
      '    }',
      '    rtsp {',
      '        /* 8554: as of old */',
      '        ports [ 554 8554 ];',
      '    }',
      '    origins {',
      '        /* the head-end */',
      '        192.0.2.9 {',
      '            username "a \\"b\\" \\\\ c";',
      '            password ********;',
      '        }',
      '        "[2001:db8::9]:8554";',
      '    }',
      '}',
    ]);
  });

  it('begins at any place', () => {
    const candidate = new Candidate({ tree });
    const at = (...path: string[]) => {
      const { schema, node } = candidate.place(path);
      return renderCurly(schema, node ?? {}, path);
    };
    assert.deepEqual(at('relay', 'rtsp'), ['ports [ 554 8554 ];']);
    assert.deepEqual(at('relay', 'rtsp', 'ports'), ['ports [ 554 8554 ];']);
    assert.deepEqual(at('relay', 'ringSeconds'), ['ringSeconds 10;']);
    assert.deepEqual(at('relay', 'feeds').at(-1), '*;');
  });
});

describe('two configurations', () => {
  const compare = (change: (candidate: Candidate) => void) => {
    const candidate = new Candidate({ tree });
    change(candidate);
    return renderCompare(tree, candidate.tree());
  };

  it('do not differ when they are the same', () =>
    assert.deepEqual(
      compare(() => {}),
      [],
    ));

  it('differ by values, items, values of lists and order', () => {
    const differences = compare((candidate) => {
      candidate.set([], ['relay', 'ringSeconds', '12']);
      candidate.set([], ['relay', 'ringBytes', '2000000']);
      candidate.set([], ['relay', 'rtsp', 'ports', '555']);
      candidate.delete(['relay', 'rtsp', 'ports', '554']);
      candidate.delete(['relay', 'origins', '192.0.2.9']);
      candidate.set([], ['relay', 'origins', '192.0.2.10', 'username', 'x', 'password', 'y']);
      candidate.insert(['relay', 'feeds', '*'], 'before', 'rtsp://h/a?b=1;c');
      candidate.delete(['system']);
    });
    assert.deepEqual(differences, [
      '[edit]',
      '-   system {',
      '-       name edge-7;',
      '-   }',
      '[edit relay]',
      '-   ringSeconds 10;',
      '+   ringSeconds 12;',
      '+   ringBytes 2000000;',
      '[edit relay feeds]',
      '!   order is now: * "rtsp://h/a?b=1;c"',
      '[edit relay rtsp]',
      '-   ports 554;',
      '+   ports 555;',
      '[edit relay origins]',
      '-   192.0.2.9 {',
      '-       username "a \\"b\\" \\\\ c";',
      '-       password ********;',
      '-   }',
      '+   192.0.2.10 {',
      '+       username x;',
      '+       password ********;',
      '+   }',
    ]);
  });

  it('differ in nothing but what lists of no order are in', () => {
    const other = { relay: { rtsp: { ports: [8554, 554] } } };
    assert.deepEqual(compareTrees({ relay: { rtsp: { ports: [554, 8554] } } }, other), []);
  });
});
