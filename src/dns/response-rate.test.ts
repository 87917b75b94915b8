import { expect, it } from 'vitest';
import { Endpoint } from '../lib/endpoint.js';
import { NETWORKS_MAX, ResponseRate } from './response-rate.js';

function endpoint(text: string): Endpoint {
  const found = new Endpoint();
  expect(found.setAddressText(text)).toBe(true);
  return found;
}

it('answers so many a second, then cuts every second one and drops the others', () => {
  const rate = new ResponseRate({ perSecond: 2, key: 1 });
  const source = endpoint('192.0.2.1');
  const verdicts = Array.from({ length: 6 }, () => rate.verdict(source, 10));
  expect(verdicts).toEqual(['answer', 'answer', 'cut', 'drop', 'cut', 'drop']);
  expect(rate.verdict(source, 11)).toBe('answer');
});

it('counts a /24 and a /56 as one, their neighbours apart', () => {
  const rate = new ResponseRate({ perSecond: 1, key: 2 });
  const ask = (text: string) => rate.verdict(endpoint(text), 10);
  expect(ask('192.0.2.1')).toBe('answer');
  expect(ask('192.0.2.255')).toBe('cut');
  expect(ask('192.0.3.1')).toBe('answer');
  expect(ask('2001:db8:0:100::1')).toBe('answer');
  expect(ask('2001:db8:0:1ff::2')).toBe('cut');
  expect(ask('2001:db8:0:200::1')).toBe('answer');
  expect(ask('2001:db9:0:100::1')).toBe('answer');
});

it('sets no bound with 0', () => {
  const rate = new ResponseRate({ perSecond: 0, key: 3 });
  const source = endpoint('192.0.2.1');
  for (let i = 0; i < 1_000; i++) expect(rate.verdict(source, 10)).toBe('answer');
});

it('keeps its bound on a busy network while many others pass by', () => {
  const rate = new ResponseRate({ perSecond: 1, key: 4 });
  const busy = endpoint('192.0.2.1');
  const other = endpoint('10.0.0.1');
  let answered = 0;
  for (let second = 0; second < 4; second++) {
    for (let i = 0; i < NETWORKS_MAX / 8; i++) {
      other.bytes[1] = i >> 8;
      other.bytes[2] = i & 255;
      rate.verdict(other, second);
      if (rate.verdict(busy, second) === 'answer') answered++;
    }
  }
  // Others may push it out when they crowd its set; seldom, while they are fewer than there is room.
  expect(answered).toBeLessThan(40);
});
