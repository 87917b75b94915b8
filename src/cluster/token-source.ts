/** Where a secret on the command line really comes from: `@FILE`, `-` for standard input, or itself. */
import { createReadStream } from 'node:fs';
import { reasonOf } from '../lib/reason.js';
import { EnrolmentError } from './enrolment-error.js';

/** Longest text that is read: far above any token. */
const TOKEN_BYTES_MAX = 4_096;

/**
 * Reads what `--token` names. Throws `EnrolmentError` when the file cannot be read or holds anything
 * but one line.
 */
export async function readToken(
  text: string,
  { stdin = process.stdin }: { stdin?: AsyncIterable<Uint8Array> } = {},
): Promise<string> {
  if (text === '-') return theLine(stdin, 'standard input');
  return text.startsWith('@') ? theLine(createReadStream(text.slice(1)), text.slice(1)) : text;
}

async function theLine(input: AsyncIterable<Uint8Array>, name: string): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const part of input) {
      parts.push(part);
      bytes += part.length;
      if (bytes > TOKEN_BYTES_MAX) break;
    }
  } catch (error) {
    const reason = reasonOf(error);
    throw malformed(`cannot read the join token from ${name}: ${reason}`);
  }
  const line = Buffer.concat(parts).toString('latin1').trim();
  if (line !== '' && bytes <= TOKEN_BYTES_MAX && !/\s/.test(line)) return line;
  throw malformed(
    `${name} holds no join token: it must be the one line that trackerbt token create prints`,
  );
}

function malformed(message: string): EnrolmentError {
  return new EnrolmentError('join_token_malformed', message);
}
