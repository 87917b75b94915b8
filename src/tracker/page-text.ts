/**
 * The public page as text. All of it is ASCII, so that one character is one byte: what is beyond is
 * written as an entity. It asks nobody for anything: style, script and pictures are within.
 */

export interface PageTotals {
  readonly swarms: number;
  readonly seeders: number;
  readonly leechers: number;
  /** Of the two before, those in browsers; undefined where none are served. */
  readonly webPeers: number | undefined;
}

const GLYPH =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32">' +
  '<g fill="none" stroke="#2a78d6" stroke-width="2.5"><path d="M16 16 6 8M16 16 26 8M16 16 16 28"/></g>' +
  '<g fill="#2a78d6"><circle cx="16" cy="16" r="5"/><circle cx="6" cy="8" r="3.5"/>' +
  '<circle cx="26" cy="8" r="3.5"/><circle cx="16" cy="27.5" r="3.5"/></g></svg>';

export const PAGE_ICON = GLYPH;

export const STYLE_TEXT = `
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#15181d;--soft:#59616d;--line:#d9dee5;--mark:#1d63b8;--on-mark:#fff}
@media (prefers-color-scheme:dark){:root{--bg:#101317;--card:#191d23;--ink:#e9edf2;--soft:#a3acb8;--line:#303741;--mark:#7db4f5;--on-mark:#0c1116}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:1rem/1.55 system-ui,sans-serif}
main{max-width:46rem;margin:0 auto;padding:clamp(1.25rem,5vw,3.5rem) clamp(1rem,4vw,2rem)}
header{display:flex;gap:.75rem;align-items:center}
header svg{flex:none}
h1{font-size:clamp(1.35rem,5vw,1.9rem);line-height:1.2;margin:0}
h2{font-size:1.05rem;margin:2rem 0 .6rem}
p{margin:.75rem 0 0;max-width:65ch}
.soft{color:var(--soft)}
ul{list-style:none;margin:0;padding:0;display:grid;gap:.5rem}
li{display:flex;gap:.5rem;align-items:center;background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.45rem .45rem .45rem .85rem;min-height:3rem}
code{flex:1;min-width:0;overflow-wrap:anywhere;user-select:all;-webkit-user-select:all;font:clamp(.75rem,3.4vw,.95rem)/1.4 ui-monospace,monospace}
button{flex:none;font:inherit;font-size:.9rem;min-height:2.1rem;padding:0 .9rem;border:0;border-radius:.4rem;background:var(--mark);color:var(--on-mark);cursor:pointer}
button:focus-visible{outline:3px solid var(--ink);outline-offset:2px}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(8rem,1fr));gap:.5rem;margin:0}
dl div{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.7rem .85rem;display:flex;flex-direction:column-reverse}
dt{color:var(--soft);font-size:.9rem}
dd{margin:0;font-size:1.5rem;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
`;

/** Adds the buttons: without a script there is nothing to press, and a click on a URL selects it. */
export const SCRIPT_TEXT = `
"use strict";
for (const code of document.querySelectorAll("li code")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.setAttribute("aria-label", "Copy " + code.textContent);
  button.addEventListener("click", () => {
    getSelection().selectAllChildren(code);
    const done = document.execCommand("copy");
    document.getElementById("said").textContent = done ? "Copied " + code.textContent : "Selected: copy it by hand";
    button.textContent = done ? "Copied" : "Selected";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  code.after(button);
}
`;

const HEAD = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="A BitTorrent tracker: announce URLs and totals.">
<title>BitTorrent tracker</title>
<link rel="icon" href="/favicon.ico" type="image/svg+xml">
<style>${STYLE_TEXT}</style>
</head>
<body>
<main>
<header>${GLYPH.replace('<svg ', '<svg aria-hidden="true" ')}<h1>This is a BitTorrent tracker</h1></header>
<p>It tells clients that share the same torrent how to find each other. It holds no files and no torrents, and there is nothing to download here.</p>
`;

const TAIL = `<p id="said" class="soft" role="status"></p>
</main>
<script>${SCRIPT_TEXT}</script>
</body>
</html>
`;

/** The whole page. URLs may hold anything: they are escaped. */
export function pageText(totals: PageTotals, urls: readonly string[]): string {
  return HEAD + urlsText(urls) + totalsText(totals) + TAIL;
}

function urlsText(urls: readonly string[]): string {
  if (urls.length === 0) {
    return '<h2>Announce URL</h2>\n<p>Ask the operator for it: it is not known under the name that you came by.</p>\n';
  }
  const items = urls.map((url) => `<li><code>${escaped(url)}</code></li>\n`).join('');
  const hints = [
    'Add one or more of these to the trackers of a torrent.',
    ...(urls.some((url) => /^wss?:/.test(url))
      ? ['Those that begin with <b>ws</b> are for WebTorrent, in browsers.']
      : []),
    ...(urls.some((url) => url.includes('{key}'))
      ? ['Your own key belongs in the place of <b>{key}</b>.']
      : []),
  ];
  const title = urls.length === 1 ? 'Announce URL' : 'Announce URLs';
  return `<h2>${title}</h2>\n<ul>\n${items}</ul>\n<p class="soft">${hints.join(' ')}</p>\n`;
}

function totalsText({ swarms, seeders, leechers, webPeers }: PageTotals): string {
  const rows: readonly (readonly [string, number])[] = [
    ['Swarms', swarms],
    ['Seeders', seeders],
    ['Leechers', leechers],
    ...(webPeers === undefined ? [] : [['In browsers', webPeers] as const]),
  ];
  const items = rows.map(
    ([name, value]) =>
      `<div><dt>${name}</dt><dd>${Math.max(0, value).toLocaleString('en-US')}</dd></div>\n`,
  );
  return `<h2>Right now</h2>\n<dl>\n${items.join('')}</dl>\n`;
}

function escaped(text: string): string {
  return text.replace(/[^ !#$%()*+,\-./0-9:;=?@A-Z[\]^_a-z{|}~]/gu, (character) => {
    const number = character.codePointAt(0) ?? 0xfffd;
    return `&#${number};`;
  });
}
