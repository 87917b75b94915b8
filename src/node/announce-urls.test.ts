import { expect, it } from 'vitest';
import { announceUrls, likelyAddresses } from './announce-urls.js';

const BOUND = { http: ['0.0.0.0:6969'], https: ['[::]:443'], udp: ['192.0.2.1:6969'] };
const http = { announcePaths: ['/{key}/announce', '/announce'] } as never;

it('tells what was bound, and for all addresses those of this machine', () => {
  expect(announceUrls(BOUND, { http, advertise: [] }, ['192.0.2.9', '2001:db8::9'])).toEqual([
    'http://192.0.2.9:6969/announce',
    'https://[2001:db8::9]:443/announce',
    'udp://192.0.2.1:6969/announce',
  ]);
});

it('tells only what is to be told, where something is', () => {
  const advertise = ['t.example.org', '2001:db8::7'];
  expect(announceUrls(BOUND, { http, advertise }, ['192.0.2.9'])).toEqual([
    'http://t.example.org:6969/announce',
    'https://t.example.org:443/announce',
    'https://[2001:db8::7]:443/announce',
    'udp://t.example.org:6969/announce',
  ]);
});

it('knows this machine by an address that others can reach, else by that of loopback', () => {
  const at = (address: string, family: string, internal = false) =>
    ({ address, family, internal }) as never;
  const some = [at('fe80::1', 'IPv6'), at('192.0.2.3', 'IPv4'), at('2001:db8::3', 'IPv6')];
  expect(likelyAddresses({ lo: [at('127.0.0.1', 'IPv4', true)], eth0: some })).toEqual([
    '192.0.2.3',
    '2001:db8::3',
  ]);
  expect(likelyAddresses({ eth0: [at('fe80::1', 'IPv6')] })).toEqual(['127.0.0.1', '::1']);
});
