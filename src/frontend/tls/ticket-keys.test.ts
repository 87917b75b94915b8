import { describe, expect, it } from 'vitest';
import { TICKET_PERIOD_MS, TICKET_SECRET_BYTES, TicketKeys } from './ticket-keys.js';

const START_MS = 1_000_000;
const make = (fill = 7) => new TicketKeys(new Uint8Array(TICKET_SECRET_BYTES).fill(fill), START_MS);

describe('TicketKeys', () => {
  it('are 48 bytes, the same for all that share the secret, whenever each began to look', () => {
    const late = START_MS + 3 * TICKET_PERIOD_MS + 5;
    const watcher = make();
    for (let ms = START_MS; ms < late; ms += TICKET_PERIOD_MS / 3) watcher.at(ms);
    const { keys } = watcher.at(late);
    expect(keys).toHaveLength(48);
    expect(make().at(late).keys.equals(keys)).toBe(true);
    expect(make(8).at(late).keys.equals(keys)).toBe(false);
  });

  it('are others each period, and say so once', () => {
    const tickets = make();
    const seen = new Set<string>();
    for (let period = 0; period < 4; period++) {
      const first = tickets.at(START_MS + period * TICKET_PERIOD_MS);
      expect(first.changed).toBe(period > 0);
      const again = tickets.at(START_MS + (period + 1) * TICKET_PERIOD_MS - 1);
      expect(again.changed).toBe(false);
      expect(again.keys.equals(first.keys)).toBe(true);
      seen.add(first.keys.toString('hex'));
    }
    expect(seen.size).toBe(4);
  });

  it('do not go back when the clock does', () => {
    const tickets = make();
    const later = tickets.at(START_MS + 2 * TICKET_PERIOD_MS).keys;
    expect(tickets.at(START_MS).keys.equals(later)).toBe(true);
  });
});
