import { describe, expect, it } from 'vitest';
import { ENROLMENT_VERSION, enrolmentRequestSchema, renewalRequestSchema } from './enrolment.js';
import { TOKEN_LENGTH } from './token.js';

const RENEWAL = {
  version: ENROLMENT_VERSION,
  csr: '-----BEGIN CERTIFICATE REQUEST-----',
  busPublicKey: `U${'A'.repeat(55)}`,
  name: 'one',
  software: '9.0.0',
  advertise: [],
};
const ENROLMENT = { ...RENEWAL, token: 't'.repeat(TOKEN_LENGTH), role: 'tracker' };

describe('a request of a newer node', () => {
  it('may say more than we ask, and nothing of that reaches us', () => {
    expect(renewalRequestSchema.parse({ ...RENEWAL, later: 1 })).toEqual(RENEWAL);
    expect(enrolmentRequestSchema.parse({ ...ENROLMENT, later: 1 })).toEqual(ENROLMENT);
  });

  it('is refused when its version is another, or when something is missing', () => {
    const { name: _, ...nameless } = ENROLMENT;
    for (const request of [{ ...ENROLMENT, version: 2 }, nameless, RENEWAL]) {
      expect(enrolmentRequestSchema.safeParse(request).success).toBe(false);
    }
  });
});
