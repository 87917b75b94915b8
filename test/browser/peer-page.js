/**
 * A page with a WebTorrent client, as sites that share files have one. Tests call what it puts on
 * `globalThis`. It is served as it is, with the package's own bundle beside it.
 */
import WebTorrent from '/webtorrent.min.js';

// No server helps two peers of one machine to find their addresses, and none may be asked.
const client = new WebTorrent({ tracker: { rtcConfig: { iceServers: [] } } });
const failed = new Promise((_, reject) => client.once('error', reject));
const warnings = [];

function watch(torrent) {
  torrent.on('warning', (warning) => warnings.push(String(warning)));
  return torrent;
}

/** Fetches a file and seeds it; returns its info hash once the tracker has answered. */
globalThis.seed = async (from, announce) => {
  const bytes = await (await fetch(from)).arrayBuffer();
  const file = new File([bytes], 'content.bin');
  const announced = new Promise((resolve) => {
    watch(client.seed(file, { announce: [announce] })).once('trackerAnnounce', resolve);
  });
  await Promise.race([announced, failed]);
  return client.torrents[0].infoHash;
};

/** Downloads what a magnet link names; returns the length and SHA-256 of what arrived. */
globalThis.download = async (magnet) => {
  const torrent = watch(client.add(magnet));
  const done = new Promise((resolve) => torrent.once('done', resolve));
  await Promise.race([done, failed]);
  const bytes = await (await torrent.files[0].blob()).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return { length: bytes.byteLength, sha256: digest.toHex() };
};

/** How the client is, for assertions and for failure messages. */
globalThis.state = () => ({
  warnings,
  progress: client.progress,
  // How it is connected: kinds, each once, since two pages may meet in both directions.
  kinds: [...new Set(client.torrents.flatMap(({ wires }) => wires.map(({ type }) => type)))],
});
