/** What a tracker writes again and again while it runs: its user must own it. */
import { join } from 'node:path';
import { TUNING_FILE } from '../cluster/tuning-file.js';

const STATE_FILES = [
  'store.snapshot',
  'admin-token',
  'identity.json',
  'origins.json',
  'downloads',
  'lists',
  'acme',
  'acme/account.key',
  'acme/certificate.pem',
  TUNING_FILE,
];

export function statePaths(data: string): string[] {
  const tracker = join(data, 'tracker');
  return [data, tracker, ...STATE_FILES.map((name) => join(tracker, name))];
}
