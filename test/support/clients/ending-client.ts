/** A client whose leecher ends when it has the whole file, with code 0, and which leaves at SIGTERM. */
import { within } from '../deadline.js';
import type { RunningClient } from './client.js';
import type { Program } from './program.js';

export class EndingClient implements RunningClient {
  constructor(
    readonly name: string,
    readonly program: Program,
  ) {}

  async completed(limitMs: number): Promise<void> {
    const { name } = this;
    const code = await within(this.program.exited, limitMs, `${name} to have the whole file`);
    if (code !== 0) throw new Error(`${name} ended with ${code}`);
  }

  async leave(): Promise<void> {
    this.program.leave('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.program.kill();
  }

  output(): string {
    return this.program.output();
  }
}
