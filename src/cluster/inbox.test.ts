import { expect, it } from 'vitest';
import { Inbox, type Incoming } from './inbox.js';
import type { ReplicationContext } from './replication-context.js';
import { newTally } from './replication-tally.js';

function inboxOf(inboxBytesMax: number) {
  const context = { options: { inboxBytesMax }, tally: newTally() };
  return { inbox: new Inbox(context as unknown as ReplicationContext), tally: context.tally };
}

function message(from: string, mark: number, length = 100, dropped?: () => void): Incoming {
  const bytes = new Uint8Array(length).fill(mark);
  return { from, bytes, isBatch: true, ageSeconds: 0, ...(dropped && { dropped }) };
}

it('lets senders take turns', () => {
  const { inbox } = inboxOf(1e6);
  for (let mark = 1; mark <= 100; mark++) inbox.push(message('flood', mark));
  inbox.push(message('calm', 200));
  const marks = [inbox.shift(), inbox.shift(), inbox.shift()].map((next) => next?.bytes[0]);
  expect(marks).toEqual([1, 200, 2]);
  for (let mark = 3; mark <= 100; mark++) expect(inbox.shift()?.bytes[0]).toBe(mark);
  expect([inbox.shift(), inbox.isEmpty, inbox.bytes]).toEqual([undefined, true, 0]);
});

it('drops the oldest of the sender that has most, and says so', () => {
  const { inbox, tally } = inboxOf(3_000);
  const dropped: number[] = [];
  inbox.push(message('calm', 200));
  for (let mark = 1; mark <= 12; mark++) {
    inbox.push(message('flood', mark, 100, () => dropped.push(mark)));
  }
  expect(dropped).toEqual([1, 2, 3]);
  expect(tally.inboxDropped).toBe(3);
  expect(inbox.bytes).toBe(3_000);
  expect(inbox.shift()?.bytes[0]).toBe(200);
});

it('keeps one message however large', () => {
  const { inbox } = inboxOf(1_000);
  inbox.push(message('a', 1, 50_000));
  expect(inbox.shift()?.bytes.length).toBe(50_000);
});
