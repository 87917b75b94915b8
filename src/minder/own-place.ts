/**
 * Where this minder was to be found last: what others remember of it should stay true over a
 * restart. `minder/place.json`:
 *
 * ```
 * {"version": 1,
 *  "ports": {"enrol": 40123, "bus": 40124, "routes": 40125},   those that the system chose
 *  "calledHosts": ["minder-1.example"]}                        by which other minders reached us
 * ```
 *
 * Nothing here is worth a failed start: a file that cannot be read is made anew.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { readPrivateFile, writePrivateFile } from '../lib/private-file.js';
import { hostSchema } from '../protocol/cluster/enrolment.js';

/** The oldest goes when another comes. */
const CALLED_HOSTS_MAX = 4;

const port = z.number().int().min(1).max(65_535).optional();
const fileSchema = z.object({
  version: z.literal(1),
  ports: z.object({ enrol: port, bus: port, routes: port }),
  calledHosts: z.array(hostSchema).max(CALLED_HOSTS_MAX),
});
type PlaceFile = z.output<typeof fileSchema>;

export type PlaceName = keyof PlaceFile['ports'];

export class OwnPlace {
  readonly #path: string;
  #file: PlaceFile = { version: 1, ports: {}, calledHosts: [] };

  constructor(directory: string) {
    this.#path = join(directory, 'place.json');
    try {
      const text = readPrivateFile(this.#path);
      if (text !== undefined) this.#file = fileSchema.parse(JSON.parse(text));
    } catch {
      // Other ports are chosen then, and minders call again.
    }
  }

  get calledHosts(): readonly string[] {
    return this.#file.calledHosts;
  }

  /** The port to try first where the configuration leaves the choice to the system. */
  portFor(name: PlaceName, configured: number): number {
    return configured === 0 ? (this.#file.ports[name] ?? 0) : configured;
  }

  /** Keeps a port that the system chose. Throws `PrivateFileError`, as all that writes here. */
  notePort(name: PlaceName, port: number, configured: number): void {
    if (configured !== 0 || port === 0 || this.#file.ports[name] === port) return;
    this.#save({ ...this.#file, ports: { ...this.#file.ports, [name]: port } });
  }

  /** A minder reached us by `host`; true when that is news. */
  noteCalled(host: string): boolean {
    const { calledHosts } = this.#file;
    if (host === '' || calledHosts.includes(host)) return false;
    this.#save({ ...this.#file, calledHosts: [...calledHosts, host].slice(-CALLED_HOSTS_MAX) });
    return true;
  }

  #save(file: PlaceFile): void {
    writePrivateFile(this.#path, `${JSON.stringify(file)}\n`);
    this.#file = file;
  }
}
