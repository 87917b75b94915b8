/** A minder that answers commands as a test has it, and remembers what it was asked. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger } from '../lib/log.js';
import { type ControlHandler, ControlServer } from '../minder/control-socket.js';
import { temporaryDirectory } from '../minder/minder-rig.testing.js';

export class AskedMinder {
  /** What commands are given with `--data`. */
  readonly data = temporaryDirectory();
  readonly asked: [method: string, params: unknown][] = [];
  readonly #server: ControlServer;

  private constructor(answer: ControlHandler) {
    this.#server = new ControlServer({
      handler: (method, params) => {
        this.asked.push([method, params]);
        return answer(method, params);
      },
      logger: createLogger({ level: 'silent', format: 'json', name: 'x' }),
    });
  }

  static async start(answer: ControlHandler): Promise<AskedMinder> {
    const minder = new AskedMinder(answer);
    const directory = join(minder.data, 'minder');
    mkdirSync(directory);
    await minder.#server.start(directory);
    return minder;
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.data, { recursive: true, force: true });
  }
}
