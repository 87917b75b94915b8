/** What Prometheus's own tool says of a text: its checks are those that operators' tools do. */
import { spawnSync } from 'node:child_process';

/** Runs `promtool ARGS` on a text; empty when it has nothing to say against it. */
export function promtool(args: readonly string[], input = ''): string {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, {
    input,
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (error !== undefined) throw error;
  return status === 0 ? '' : `promtool ${args.join(' ')} ended with ${status}\n${stdout}${stderr}`;
}
