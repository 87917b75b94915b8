/** Whatever a terminal might obey and `JSON.stringify` leaves as it is, which escapes C0 alone. */
const OBEYED = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * JSON as commands print it, for programs and for people at a terminal: indented, with a final line
 * end, and without a character that moves a cursor or turns text around, whoever sent it.
 */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2).replace(OBEYED, escaped)}\n`;
}

/** The same in one line, without an end. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(OBEYED, escaped);
}

function escaped(character: string): string {
  let text = '';
  for (let i = 0; i < character.length; i++) {
    text += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`;
  }
  return text;
}
