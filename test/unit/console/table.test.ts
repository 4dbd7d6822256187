import assert from 'node:assert/strict';
import { renderNext } from '../../../src/console/help.ts';
import { renderTable } from '../../../src/console/render/index.ts';

const columns = [
  { title: 'SESSION' },
  { title: 'VIEWER' },
  { title: 'BYTES', align: 'right' },
  { title: 'URL' },
] as const;
const rows = [
  ['01a206e9-5938', '198.19.0.2', '551540', 'rtsp://203.0.113.10/live'],
  ['01a206e9-5947', '2001:db8:198::200', '9', ''],
];

describe('a table on the console', () => {
  it('has its columns in line where the screen is wide enough, or has no edge', () => {
    const whole = [
      'SESSION        VIEWER              BYTES  URL',
      '01a206e9-5938  198.19.0.2         551540  rtsp://203.0.113.10/live',
      '01a206e9-5947  2001:db8:198::200       9',
      '',
    ].join('\n');
    assert.equal(renderTable(columns, rows), whole);
    assert.equal(renderTable(columns, rows, 66), whole);
  });

  it('has what has no room below its row, in line as well', () => {
    assert.equal(
      renderTable(columns, rows, 65),
      [
        'SESSION        VIEWER              BYTES',
        '    URL',
        '01a206e9-5938  198.19.0.2         551540',
        '    rtsp://203.0.113.10/live',
        '01a206e9-5947  2001:db8:198::200       9',
        '',
      ].join('\n'),
    );
  });

  it('runs over no edge, as long as no cell is wider than the screen', () => {
    for (let width = 28; width < 80; width += 1) {
      for (const line of renderTable(columns, rows, width).split('\n')) assert.ok(line.length <= width, line);
    }
  });
});

describe('what may stand at a place', () => {
  it('has all help in line, and that of a word that is too wide below it', () => {
    const choices = [
      { word: '01a206ea-46ae-77b7-89f9-8eebf75f28e9', help: 'watches' },
      { word: 'x'.repeat(50), help: 'is wide' },
    ];
    const shown = renderNext({ choices, value: { form: 'session id', help: 'the session' }, ends: false });
    assert.deepEqual(shown.split('\n'), [
      `  <session id>${' '.repeat(30)}the session`,
      `  01a206ea-46ae-77b7-89f9-8eebf75f28e9${' '.repeat(6)}watches`,
      `  ${'x'.repeat(50)}`,
      `${' '.repeat(44)}is wide`,
      '',
    ]);
  });
});
