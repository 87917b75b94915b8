/**
 * Who a certificate of the cluster speaks for. Inside a cluster names of hosts mean nothing: nodes
 * move, and any address of a minder is as good as another. A certificate names its holder instead,
 * twice, and says its role in a URI among its subject alternative names:
 *
 * ```
 * CN=n0123456789abcdef      urn:trackerbt:tracker:n0123456789abcdef
 * CN=n00112233445566ff      urn:trackerbt:minder:n00112233445566ff
 * ```
 */
import type { PeerCertificate } from 'node:tls';
import type { NodeRole } from '../protocol/cluster/enrolment.js';

export type { NodeRole };

/** The URI that a certificate of the cluster carries. */
export function roleUri(role: NodeRole, nodeId: string): string {
  return `urn:trackerbt:${role}:${nodeId}`;
}

type Names = Pick<PeerCertificate, 'subject' | 'subjectaltname'>;

/**
 * The node that a certificate names, whose chain is checked already. Undefined unless its one URI
 * and its common name agree.
 */
export function roleOf({
  subject,
  subjectaltname,
}: Names): { role: NodeRole; nodeId: string } | undefined {
  // Node puts a name that could pass for several in quotes, so that a comma always separates.
  const uris = (subjectaltname ?? '').split(', ').filter((name) => name.startsWith('URI:'));
  if (uris.length !== 1) return undefined;
  const match = /^URI:urn:trackerbt:(tracker|minder):(n[0-9a-f]{16})$/.exec(uris[0]);
  if (match === null || subject?.CN !== match[2]) return undefined;
  return { role: match[1] as NodeRole, nodeId: match[2] };
}

/**
 * For the `checkServerIdentity` of a TLS client, which has checked the chain by then: an error
 * unless the server is a node of that role.
 */
export function checkServerRole(role: NodeRole, certificate: Names): Error | undefined {
  const found = roleOf(certificate)?.role;
  if (found === role) return undefined;
  const who = found === undefined ? 'a stranger' : `a ${found}`;
  return new Error(`what answers is no ${role} but ${who}`);
}
