import { describe, expect, it } from 'vitest';
import { SyntaxProblem } from './syntax.js';
import { parseXml } from './xml.js';

function parse(text: string) {
  const problems: string[] = [];
  const tree = parseXml(text, (path, message) => problems.push(`${path}: ${message}`));
  return { tree, problems };
}

describe('parseXml', () => {
  it('reads sections, values and repeated elements as texts', () => {
    const { tree, problems } = parse(`<?xml version="1.0" encoding="utf-8"?>
      <!-- a comment with <tags> & ampersands -->
      <trackerbt>
        <workers> 2 </workers>
        <name>a &amp;lt; &quot;b&quot; <!-- not this -->&apos;c&#39;</name>
        <http ><listen>*:1</listen><listen>[::]:2</listen><trustedProxies/></http>
        <udp><listen></listen></udp>
      </trackerbt>`);
    expect(problems).toEqual([]);
    expect(tree).toEqual(
      new Map<string, unknown>([
        ['workers', '2'],
        ['name', `a &lt; "b" 'c'`],
        [
          'http',
          new Map([
            ['listen', ['*:1', '[::]:2']],
            ['trustedProxies', []],
          ]),
        ],
        ['udp', new Map([['listen', []]])],
      ]),
    );
  });

  it('keeps no tree for elements that are not settings', () => {
    const { tree } = parse(
      '<trackerbt><toString><b/></toString><__proto__/><constructor/></trackerbt>',
    );
    expect(tree).toEqual(
      new Map([
        ['toString', ''],
        ['__proto__', ''],
        ['constructor', ''],
      ]),
    );
  });

  it('reports every setting that is written wrongly', () => {
    const text = `<trackerbt>stray<workers>1</workers><workers>2</workers>
      <log/><log/><io><b/></io><http>x<listen><a/></listen></http></trackerbt>`;
    expect(parse(text).problems).toEqual([
      ': unexpected text between elements: "stray"',
      'workers: is given twice',
      'log: is given twice',
      'io: expected a value; got elements',
      'http: unexpected text between elements: "x"',
      'http.listen: expected a value; got elements',
    ]);
  });

  it.each([
    ['<!DOCTYPE trackerbt><trackerbt/>', 'line 1, column 1: a document type (DTD)'],
    [
      '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<trackerbt><name>&x;</name></trackerbt>',
      'a document type (DTD)',
    ],
    ['<?xml version="1.0"?>\n<!doctype r><trackerbt/>', 'line 2, column 1: a document type (DTD)'],
    [
      '<trackerbt><name>&x;</name></trackerbt>',
      'line 1, column 20: Invalid character entity; &lt; &gt; &amp;',
    ],
    ['<trackerbt><name>a & b</name></trackerbt>', 'Invalid character in entity name; &lt;'],
    ['<trackerbt>\n<?php x ?></trackerbt>', 'line 2, column 1: processing instructions'],
    ['<?xml-stylesheet href="x"?><trackerbt/>', 'processing instructions'],
    ['<trackerbt/><?xml version="1.0"?>', 'processing instructions'],
    ['<trackerbt><name><![CDATA[x]]></name></trackerbt>', 'CDATA is not accepted'],
    ['<trackerbt><name a="1">x</name></trackerbt>', 'without attributes'],
    ['<trackerbt xmlns="x"/>', 'without attributes'],
    [
      '<trackerbt><name>a < b</name></trackerbt>',
      'line 1, column 23: Invalid character in tag name; write &lt; for',
    ],
    ['<trackerbt><!-- </trackerbt>', 'line 1, column 1: <trackerbt> is not closed'],
    ['<trackerbt/><!-- ', 'line 1, column 17: Unexpected end'],
    ['<!-- a -- b --><trackerbt/>', 'line 1, column 10: Malformed comment'],
    ['<trackerbt><http></name></http></trackerbt>', 'line 1, column 24: Unexpected close tag'],
    ['<trackerbt></a/></trackerbt>', 'line 1, column 15: Invalid tagname in closing tag'],
    ['<trackerbt><http>\n</trackerbt>', 'line 2, column 12: Unexpected close tag'],
    ['<trackerbt/></trackerbt>', 'line 1, column 24: Unmatched closing tag'],
    ['<trackerbt>', 'line 1, column 1: <trackerbt> is not closed'],
    ['<trackerbt>\n<http>', 'line 2, column 1: <http> is not closed'],
    ['', 'line 1, column 1: the file must hold one element <trackerbt>'],
    ['text', 'line 1, column 1: the file must hold one element'],
    ['\ntext<trackerbt/>', 'line 2, column 1: the file must hold one element'],
    ['<trackerbt/>\ntext', 'line 2, column 1: the file must hold one element'],
    ['<trackerbt></trackerbt>&lt;', 'line 1, column 24: the file must hold one element'],
    ['<trackerbt/><trackerbt/>', 'line 1, column 13: the file must hold one element'],
    ['<config/>', 'line 1, column 1: the file must hold one element <trackerbt>'],
    ['<?xml version="1.0" encoding="UTF-16"?><trackerbt/>', 'the encoding must be UTF-8'],
    [`<trackerbt>${'<a>'.repeat(40)}${'</a>'.repeat(40)}</trackerbt>`, 'nested'],
  ])('refuses case %#', (text, message) => {
    expect(() => parse(text)).toThrow(SyntaxProblem);
    expect(() => parse(text)).toThrow(message);
  });

  it('refuses entities that grow (billion laughs) before parsing', () => {
    const entities = ['<!ENTITY a0 "lol">'];
    for (let i = 1; i < 30; i++) entities.push(`<!ENTITY a${i} "&a${i - 1};&a${i - 1};">`);
    const text = `<!DOCTYPE r [${entities.join('')}]><trackerbt><name>&a29;</name></trackerbt>`;
    expect(() => parse(text)).toThrow('a document type (DTD) is not accepted');
  });
});
