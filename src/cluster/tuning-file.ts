/**
 * What a tracker remembers of how it is to serve, `tracker/tuning.json` (mode 0600, replaced as a
 * whole).
 *
 * ```
 * {"version": 1, "node": "n0123456789abcdef",          empty for a tracker that stands alone
 *  "tuning": {"version": [1769860800000, "n..."], "intervalSeconds": 900, ...} or null,
 *  "drain": [1769860800000, true] or null,             when that was said, and what
 *  "longestIntervalSeconds": 900}                      that clients were told; 0 for none that counts
 * ```
 *
 * Nothing in it is worth a start that fails: what cannot be read is as if it were not there.
 */
import { z } from 'zod';
import { readPrivateFile, writePrivateFile } from '../lib/private-file.js';
import { reasonOf } from '../lib/reason.js';
import { tuningSchema } from '../protocol/cluster/control.js';

const fileSchema = z.object({
  version: z.literal(1),
  node: z.string().max(17),
  tuning: tuningSchema.nullable(),
  drain: z.tuple([z.number().int().min(0), z.boolean()]).nullable(),
  longestIntervalSeconds: z.number().int().min(0).max(28_800),
});

export type SavedTuning = Readonly<Omit<z.output<typeof fileSchema>, 'version'>>;

export const TUNING_FILE = 'tuning.json';

/**
 * What the node `node` saved: nothing where another one did, as after joining another cluster. An
 * interval that clients were told counts whoever said it. `damage` says why a file was left out.
 */
export function loadTuning(
  path: string,
  node: string,
): { readonly saved: SavedTuning; readonly damage?: string } {
  const nothing: SavedTuning = { node, tuning: null, drain: null, longestIntervalSeconds: 0 };
  try {
    const text = readPrivateFile(path);
    if (text === undefined) return { saved: nothing };
    const { success, data } = fileSchema.safeParse(JSON.parse(text));
    if (!success) return { saved: nothing, damage: 'it is altered, or of a later version' };
    const { longestIntervalSeconds } = data;
    if (data.node !== node) return { saved: { ...nothing, longestIntervalSeconds } };
    const { version: _, ...saved } = data;
    return { saved };
  } catch (error) {
    return { saved: nothing, damage: reasonOf(error) };
  }
}

/** Throws `PrivateFileError`. */
export function saveTuning(path: string, saved: SavedTuning): void {
  writePrivateFile(path, `${JSON.stringify({ version: 1, ...saved })}\n`);
}
