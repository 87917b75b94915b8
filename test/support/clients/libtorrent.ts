/**
 * libtorrent, the engine of qBittorrent and Deluge, through Debian's Python binding. It is here for
 * UDP over IPv6, which it alone of our clients speaks in both directions: aria2 cannot, and
 * Transmission 3.00 reads the peers of such a reply in steps of 6 bytes.
 */
import { freePort } from '../free-port.js';
import type { ClientOptions, ClientProgram, RunningClient } from './client.js';
import { EndingClient } from './ending-client.js';
import { Program } from './program.js';

/** Runs until it is told to end; a leecher ends by itself, with 0, when it has the whole file. */
const SCRIPT = `
import libtorrent, os, signal, sys, time
torrent, folder, interface, role = sys.argv[1:5]
parent = os.getppid()
session = libtorrent.session({
    'listen_interfaces': interface,
    'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
    'min_announce_interval': 1, 'tracker_backoff': 1, 'enable_outgoing_utp': False, 'enable_incoming_utp': False,
    'alert_mask': libtorrent.alert.category_t.error_notification
        | libtorrent.alert.category_t.tracker_notification
        | libtorrent.alert.category_t.status_notification,
})
handle = session.add_torrent({'ti': libtorrent.torrent_info(torrent), 'save_path': folder})
ending = []
signal.signal(signal.SIGTERM, lambda *_: ending.append(1))
while not ending and os.getppid() == parent:
    for alert in session.pop_alerts():
        print(alert, flush=True)
    if role == 'leecher' and handle.status().is_seeding:
        break
    time.sleep(0.05)
session.remove_torrent(handle)
ended = time.monotonic() + 3
while time.monotonic() < ended:
    alerts = session.pop_alerts()
    for alert in alerts:
        print(alert, flush=True)
    if any(isinstance(alert, libtorrent.tracker_reply_alert) for alert in alerts):
        break
    time.sleep(0.05)
os._exit(0)
`;

/** In a network of its own every port is free. */
const PORT_ELSEWHERE = 16_881;

export const libtorrent: ClientProgram = {
  name: 'libtorrent',

  async start(options: ClientOptions): Promise<RunningClient> {
    const { host, folder, torrent, role, prefix = [] } = options;
    const port = prefix.length === 0 ? await freePort(host) : PORT_ELSEWHERE;
    const socket = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    const args = ['-c', SCRIPT, torrent.file, folder, socket, role];
    // Debian's own interpreter: another one on the path would not find Debian's module.
    const [command, ...rest] = [...prefix, '/usr/bin/python3', ...args];
    return new EndingClient('libtorrent', new Program(command, rest));
  },
};
