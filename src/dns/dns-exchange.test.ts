import { describe, expect, it } from 'vitest';
import { exchange } from './dns-exchange.js';
import { UpdateError } from './update-error.js';

describe('asking a name server', () => {
  it('fails with a word for it, and not the process, where no datagram may be sent', async () => {
    // A broadcast address cannot be connected to: as where no route leads to.
    const asked = exchange(
      { host: '255.255.255.255', port: 53 },
      Buffer.alloc(20),
      new AbortController().signal,
    );
    await expect(asked).rejects.toBeInstanceOf(UpdateError);
    await expect(asked).rejects.toMatchObject({ code: 'update_unreachable' });
  });
});
