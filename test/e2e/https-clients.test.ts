/** Real clients announce over HTTPS, check the certificate, and finish a download. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { aria2 } from '../support/clients/aria2.js';
import { transmission } from '../support/clients/transmission.js';
import { TestCa } from '../support/test-ca.js';
import { TestNetwork } from '../support/test-network.js';
import { removeFolder, TrackerProcess, temporaryFolder } from '../support/tracker-process.js';
import { transfer } from '../support/transfer.js';

const network = TestNetwork.open();
const folder = temporaryFolder('https-clients');
let caFile: string;
let tracker: TrackerProcess;

beforeAll(async () => {
  const ca = await TestCa.create();
  caFile = ca.write(folder);
  const host = network.host(4, 0);
  const { cert, key } = await ca.issue({ names: [host] });
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key, { mode: 0o600 });
  tracker = await TrackerProcess.start({
    http: [`${host}:0`],
    udp: [],
    args: [
      '--interval',
      '60',
      '--https',
      `${host}:0`,
      '--tls-cert',
      certFile,
      '--tls-key',
      keyFile,
    ],
  });
});
afterAll(async () => {
  await tracker?.remove();
  network.close();
  removeFolder(folder);
});

it.concurrent.each([
  ['transmission to aria2', transmission, aria2],
  ['aria2 to transmission', aria2, transmission],
] as const)('%s over https://', async (_, seeder, leecher) => {
  const { host, port } = tracker.https4;
  const announce = `https://${host}:${port}/announce`;
  const side = (program: typeof seeder, role: number) => {
    return { program, host: network.host(4, role), announce, tracker };
  };
  await transfer('https', side(seeder, 1), side(leecher, 2), { caFile });
  const stats = (await tracker.adminJson('/stats.json')) as { http: { announces: number } };
  expect(stats.http.announces).toBeGreaterThanOrEqual(4);
});
