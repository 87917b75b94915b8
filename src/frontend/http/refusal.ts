/** Answers that carry a status and nothing of the tracker's. */
import { STATUS_CODES } from 'node:http';

const known = new Map<number, string>();

/** The body of a refusal: `404 Not Found` and a line end. */
export function refusalText(status: number): string {
  let text = known.get(status);
  if (text === undefined) {
    text = `${status} ${STATUS_CODES[status] ?? 'Error'}\n`;
    known.set(status, text);
  }
  return text;
}

/** A status that a handler may ask for (its negative return); anything else is a 500. */
export function refusalStatus(status: number): number {
  return status >= 400 && status <= 599 && STATUS_CODES[status] !== undefined ? status : 500;
}

/** A whole response, for a connection that node's parser has given up on. It always closes. */
export function rawRefusal(status: number): string {
  const text = refusalText(status);
  const allow = status === 405 ? 'Allow: GET, HEAD\r\n' : '';
  return (
    `HTTP/1.1 ${text.trimEnd()}\r\nContent-Type: text/plain\r\n` +
    `Content-Length: ${text.length}\r\n${allow}Connection: close\r\n\r\n${text}`
  );
}
