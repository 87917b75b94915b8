/** A file of random content and the private .torrent that describes it (BEP 3, BEP 27). */
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bencode } from './bdecode.js';

const PIECE_BYTES = 32_768;

type Info = Readonly<Record<string, string | number | Buffer>>;

export interface Torrent {
  readonly name: string;
  readonly content: Buffer;
  readonly infoHash: Buffer;
  /** Path of the .torrent file. */
  readonly file: string;
  readonly metainfo: Buffer;
  readonly info: Info;
}

/** Writes `FOLDER/NAME.torrent`; the content itself is written by `writeContent`. */
export function makeTorrent(
  folder: string,
  name: string,
  announce: string,
  contentBytes = 20 * PIECE_BYTES + 1_234,
): Torrent {
  const content = randomBytes(contentBytes);
  const pieces: Buffer[] = [];
  for (let at = 0; at < content.length; at += PIECE_BYTES) {
    pieces.push(
      createHash('sha1')
        .update(content.subarray(at, at + PIECE_BYTES))
        .digest(),
    );
  }
  const info: Info = {
    length: content.length,
    name,
    'piece length': PIECE_BYTES,
    pieces: Buffer.concat(pieces),
    private: 1,
  };
  const infoHash = createHash('sha1').update(bencode(info)).digest();
  return { name, content, infoHash, ...writeMetainfo(folder, name, announce, info) };
}

function writeMetainfo(folder: string, name: string, announce: string, info: Info) {
  const metainfo = bencode({ announce, info });
  const file = join(folder, `${name}.torrent`);
  writeFileSync(file, metainfo);
  return { metainfo, file, info };
}

/** The same torrent under another announce URL, in `FOLDER/other.torrent`. */
export function withAnnounce(torrent: Torrent, folder: string, announce: string): Torrent {
  return { ...torrent, ...writeMetainfo(folder, 'other', announce, torrent.info) };
}

export function writeContent(torrent: Torrent, folder: string): void {
  writeFileSync(join(folder, torrent.name), torrent.content);
}
