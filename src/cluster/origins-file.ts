/**
 * The file that keeps which node has which slot, `tracker/origins.json`: the saved store knows nodes
 * by their slots alone.
 */
import { z } from 'zod';
import { setAside } from '../lib/damaged-file.js';
import type { LogSink } from '../lib/log-sink.js';
import { readPrivateFile, writePrivateFile } from '../lib/private-file.js';
import { reasonOf } from '../lib/reason.js';
import { NODE_ID_PATTERN } from '../protocol/cluster/node-id.js';
import { ORIGINS_MAX, Origins } from './origins.js';

const originsSchema = z.object({
  version: z.literal(1),
  /** Ids of slots 1, 2, ... */
  nodes: z
    .array(z.string().regex(NODE_ID_PATTERN))
    .max(ORIGINS_MAX)
    .refine((nodes) => new Set(nodes).size === nodes.length),
});

export interface OpenedOrigins {
  readonly origins: Origins;
  /**
   * Where a damaged file was moved to; the table is then empty, and what the saved store says of
   * origins means nothing.
   */
  readonly aside: string | undefined;
}

/**
 * Reads the table, or begins one, and writes each later addition. A damaged file is renamed, so that
 * somebody can look at it. Throws PrivateFileError when it cannot be read. An addition that cannot be
 * written is told once, not made, and tried again.
 */
export function openOrigins(
  path: string,
  { self, wallMs }: { self: string; wallMs: number },
  { log }: { log?: LogSink } = {},
): OpenedOrigins {
  let isFailing = false;
  const keep = (ids: readonly string[]) => {
    try {
      writePrivateFile(path, `${JSON.stringify({ version: 1, nodes: ids })}\n`);
      isFailing = false;
    } catch (error) {
      const reason = reasonOf(error);
      if (!isFailing)
        log?.log('error', 'a new node has no place in the table of origins', { reason });
      isFailing = true;
      throw error;
    }
  };
  const text = readPrivateFile(path);
  if (text === undefined) return { origins: new Origins({ self }, { keep }), aside: undefined };
  const known = parse(text);
  if (known !== undefined) {
    return { origins: new Origins({ self, known }, { keep }), aside: undefined };
  }
  return { origins: new Origins({ self }, { keep }), aside: setAside(path, wallMs) };
}

function parse(text: string): readonly string[] | undefined {
  try {
    return originsSchema.safeParse(JSON.parse(text)).data?.nodes;
  } catch {
    return undefined;
  }
}
