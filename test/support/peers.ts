/** Compact peer lists of replies as readable endpoints, in one form for both protocols. */

/** `1.2.3.4:80` or `[2001:db8:0:0:0:0:0:1]:80` (never shortened, so that texts compare). */
export function peerText(bytes: Buffer, at: number, stride: 6 | 18): string {
  const port = bytes.readUInt16BE(at + stride - 2);
  if (stride === 6) return `${[...bytes.subarray(at, at + 4)].join('.')}:${port}`;
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(bytes.readUInt16BE(at + i).toString(16));
  return `[${groups.join(':')}]:${port}`;
}

/** Splits a compact list; throws when its length is no multiple of the stride. */
export function unpackPeers(bytes: Buffer, stride: 6 | 18): string[] {
  if (bytes.length % stride !== 0) throw new Error(`${bytes.length} bytes in steps of ${stride}`);
  const peers: string[] = [];
  for (let at = 0; at < bytes.length; at += stride) peers.push(peerText(bytes, at, stride));
  return peers;
}

/** `::1` as `peerText` writes it. */
export const LOOPBACK6 = '0:0:0:0:0:0:0:1';
