/** The one node that an operator means. */
import { ControlError } from './control-socket.js';
import type { NodeRegistry } from './node-registry.js';

/** Its id, from an id or a name. Throws `ControlError` for none, and for a name given twice. */
export function namedNode(registry: Pick<NodeRegistry, 'find'>, node: string): string {
  const [id, ...others] = registry.find(node);
  if (id === undefined) {
    throw new ControlError('control_not_found', `there is no node '${node}': trackerbt nodes`);
  }
  if (others.length > 0) {
    const ids = [id, ...others].join(', ');
    throw new ControlError(
      'control_ambiguous',
      `several nodes are named '${node}': name one by its id (${ids})`,
    );
  }
  return id;
}
