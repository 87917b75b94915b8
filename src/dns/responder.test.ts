import { encode, type OptAnswer } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { DnsError } from './dns-error.js';
import { dataOf, ResponderRig, rcodeOf, TRACKERS, ZONE } from './responder.testing.js';
import type { TrackerSet } from './tracker-set.js';

const many = (count: number): TrackerSet => ({
  ...TRACKERS,
  addresses4: Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 255}`),
  addresses6: Array.from({ length: count }, (_, i) => `2001:db8::${(i + 1).toString(16)}`),
});

function opt(udpPayloadSize: number, ednsVersion = 0): OptAnswer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize,
    ednsVersion,
    extendedRcode: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
}

describe('the apex', () => {
  it('has the addresses of all trackers when they are few', () => {
    const rig = new ResponderRig();
    const v4 = rig.ask('A');
    expect(v4.flag_aa).toBe(true);
    expect(v4.flag_ra).toBe(false);
    expect(v4.id).toBe(0x1234);
    expect(new Set(dataOf(v4.answers, 'A'))).toEqual(new Set(TRACKERS.addresses4));
    expect(v4.answers?.every((record) => record.name === ZONE)).toBe(true);
    expect(v4.authorities).toEqual([]);
    expect(new Set(dataOf(rig.ask('AAAA').answers, 'AAAA'))).toEqual(new Set(TRACKERS.addresses6));
  });

  it('gives no more than answersMax, each at most once, and each tracker its turn at every place', () => {
    const rig = new ResponderRig({ answersMax: 4 }, many(12));
    const counts = new Map<unknown, number>();
    for (let i = 0; i < 1_200; i++) {
      const found = dataOf(rig.ask('A').answers, 'A');
      expect(new Set(found).size).toBe(4);
      counts.set(found[0], (counts.get(found[0]) ?? 0) + 1);
    }
    // 100 expected; 40 below or above is six standard deviations.
    expect(counts.size).toBe(12);
    for (const count of counts.values()) expect(Math.abs(count - 100)).toBeLessThan(60);
  });

  it('names each port once, the most common first, UDP before TCP where they tie', () => {
    const [text] = dataOf(new ResponderRig().ask('TXT').answers, 'TXT') as Buffer[][];
    expect(text.join('')).toBe('BITTORRENT UDP:6969 TCP:6969 UDP:1337 TCP:443');
  });

  it('has no text without a service: the bare word would forbid announcing', () => {
    const reply = new ResponderRig({}, { ...TRACKERS, services: [] }).ask('TXT');
    expect(reply.answers).toEqual([]);
    expect(dataOf(reply.authorities, 'SOA')).toHaveLength(1);
  });

  it('has NODATA with SOA for what it lacks, and for A while no tracker was ever known', () => {
    const nobody = { revision: 0, addresses4: [], addresses6: [], services: [] };
    for (const [set, type] of [
      [TRACKERS, 'MX'],
      [nobody, 'A'],
      [nobody, 'AAAA'],
    ] as const) {
      const reply = new ResponderRig({}, set).ask(type);
      expect(rcodeOf(reply)).toBe('NOERROR');
      expect(reply.flag_aa).toBe(true);
      expect(reply.answers).toEqual([]);
      expect(reply.authorities).toMatchObject([{ type: 'SOA', name: ZONE, ttl: 30 }]);
    }
  });

  it('answers SOA with a serial that grows with each change, also within a second', () => {
    const rig = new ResponderRig();
    const serial = () => (dataOf(rig.ask('SOA').answers, 'SOA')[0] as { serial: number }).serial;
    const first = serial();
    expect(first).toBe(1_700_000_000);
    expect(serial()).toBe(first);
    rig.set = { ...TRACKERS, revision: 2 };
    expect(serial()).toBe(first + 1);
    rig.clock.advance(100);
    rig.set = { ...TRACKERS, revision: 3 };
    expect(serial()).toBe(first + 100);
  });

  it('answers ANY with as little as there can be (RFC 8482)', () => {
    const { answers } = new ResponderRig().ask('ANY');
    expect(answers).toMatchObject([{ type: 'HINFO', data: { cpu: 'RFC8482', os: '' } }]);
  });

  it('follows the set', () => {
    const rig = new ResponderRig();
    rig.set = { ...TRACKERS, revision: 2, addresses4: ['203.0.113.7'] };
    expect(dataOf(rig.ask('A').answers, 'A')).toEqual(['203.0.113.7']);
  });

  it('passes over what is no address', () => {
    const addresses4 = ['192.0.2.1', 'tracker', '2001:db8::1', '192.0.2.1'];
    const addresses6 = ['fe80::1%eth0'];
    const rig = new ResponderRig({}, { ...TRACKERS, addresses4, addresses6 });
    expect(dataOf(rig.ask('A').answers, 'A')).toEqual(['192.0.2.1']);
    expect(rig.ask('AAAA').answers).toEqual([]);
  });
});

describe('name servers', () => {
  it('are one in the zone, with our addresses, when none is given', () => {
    const rig = new ResponderRig();
    const reply = rig.ask('NS');
    expect(dataOf(reply.answers, 'NS')).toEqual([`ns.${ZONE}`]);
    expect(reply.additionals).toMatchObject([
      { type: 'A', name: `ns.${ZONE}`, data: '198.51.100.1' },
      { type: 'AAAA', name: `ns.${ZONE}`, data: '2001:db8:1::1' },
    ]);
    expect(dataOf(rig.ask('A', `ns.${ZONE}`).answers, 'A')).toEqual(['198.51.100.1']);
    const soa = dataOf(rig.ask('SOA').answers, 'SOA')[0];
    expect(soa).toMatchObject({ mname: `ns.${ZONE}`, rname: `hostmaster.${ZONE}`, minimum: 30 });
  });

  it('in the zone have the addresses that they are known by; others get none from us', () => {
    const rig = new ResponderRig({
      nameServers: ['ns.example.net', `A.dc.${ZONE}`, `b.dc.${ZONE}`],
    });
    rig.addresses = new Map([[`a.dc.${ZONE}`, ['203.0.113.1']]]);
    const reply = rig.ask('NS');
    expect(reply.answers).toHaveLength(3);
    expect(reply.additionals?.map((record) => record.name)).toEqual([
      `a.dc.${ZONE}`,
      `b.dc.${ZONE}`,
      `b.dc.${ZONE}`,
    ]);
    expect(dataOf(rig.ask('A', `a.dc.${ZONE}`).answers, 'A')).toEqual(['203.0.113.1']);
    expect(rcodeOf(rig.ask('A', 'ns.example.net'))).toBe('REFUSED');
  });

  it('make the names between them and the zone exist, without records (RFC 8020)', () => {
    const reply = new ResponderRig({ nameServers: [`ns.dc.${ZONE}`] }).ask('A', `dc.${ZONE}`);
    expect(rcodeOf(reply)).toBe('NOERROR');
    expect(reply.authorities).toMatchObject([{ type: 'SOA', name: ZONE }]);
  });

  it('are refused when they are addresses, no names, or the zone itself', () => {
    for (const name of ['192.0.2.1', '2001:db8::1', ZONE, `${ZONE}.`, 'a..b', '']) {
      expect(() => new ResponderRig({ nameServers: [name] })).toThrow(DnsError);
    }
    const zone = [...Array(4).fill('a'.repeat(60)), 'org'].join('.');
    expect(() => new ResponderRig({ zone })).toThrow(DnsError);
  });

  it('whose address nobody knows are named', () => {
    expect(new ResponderRig({ ownAddresses: [] }).zone.lameNameServers).toEqual([`ns.${ZONE}`]);
    expect(new ResponderRig().zone.lameNameServers).toEqual([]);
  });
});

describe('other names', () => {
  it('below the zone do not exist, and SOA says so with the name of the zone', () => {
    const reply = new ResponderRig().ask('A', `a.b.c.${ZONE}`);
    expect(rcodeOf(reply)).toBe('NXDOMAIN');
    expect(reply.flag_aa).toBe(true);
    expect(reply.authorities).toMatchObject([{ type: 'SOA', name: ZONE }]);
  });

  it('outside are refused, also those that only end in the same letters', () => {
    const rig = new ResponderRig();
    for (const name of ['example.org', 'org', '.', `x${ZONE}`, 'tracker.example.net']) {
      const reply = rig.ask('A', name);
      expect(rcodeOf(reply)).toBe('REFUSED');
      expect(reply.flag_aa).toBe(false);
      expect(reply.authorities).toEqual([]);
    }
  });

  it('match in any case, and come back as they were written', () => {
    const name = 'TrAcKeR.eXaMpLe.ORG';
    const reply = new ResponderRig().ask('A', name);
    expect(reply.questions?.[0].name).toBe(name);
    expect(reply.answers?.map((record) => record.name)).toEqual([name, name, name]);
  });
});

describe('what is not served', () => {
  it('is refused: transfers and other classes', () => {
    const rig = new ResponderRig();
    for (const type of ['AXFR', 'IXFR']) expect(rcodeOf(rig.ask(type))).toBe('REFUSED');
    const questions = [{ type: 'TXT', class: 'CH', name: 'version.bind' }] as const;
    expect(rcodeOf(rig.packet({ type: 'query', questions: [...questions] }))).toBe('REFUSED');
  });

  it('is not implemented: other opcodes', () => {
    const rig = new ResponderRig();
    for (const opcode of [1, 2, 4, 5, 6, 15]) {
      const query = encode({ type: 'query', id: 7, questions: [{ type: 'SOA', name: ZONE }] });
      query.writeUInt16BE(opcode << 11, 2);
      const reply = rig.raw(query) as Buffer;
      expect(reply).toHaveLength(12);
      expect(reply.readUInt16BE(2)).toBe(0x8000 | (opcode << 11) | 4);
    }
  });

  it('is malformed: no question, two of them, a pointer as name, bytes at the end, two OPT', () => {
    const rig = new ResponderRig();
    const query = encode({ type: 'query', questions: [{ type: 'A', name: ZONE }] });
    const with_ = (at: number, value: number) => {
      const bytes = Buffer.from(query);
      bytes.writeUInt16BE(value, at);
      return bytes;
    };
    const twice = encode({
      type: 'query',
      questions: [{ type: 'A', name: ZONE }],
      additionals: [opt(1232), opt(1232)],
    });
    const bad = [
      with_(4, 0),
      with_(4, 2),
      with_(6, 1),
      with_(8, 1),
      with_(10, 1),
      with_(12, 0xc00c),
    ];
    for (const bytes of [...bad, Buffer.concat([query, Buffer.alloc(1)]), twice]) {
      const reply = rig.raw(bytes) as Buffer;
      expect(reply).toHaveLength(12);
      expect(reply[3] & 15).toBe(1);
      expect(reply.readUInt16BE(4)).toBe(0);
    }
    expect(rig.counters.answersByRcode.FORMERR).toBe(8);
  });

  it('gets no answer at all: responses, and what is too short for a header', () => {
    const rig = new ResponderRig();
    const response = encode({ type: 'response', questions: [{ type: 'A', name: ZONE }] });
    expect(rig.raw(response)).toBeUndefined();
    for (let length = 0; length < 12; length++) {
      expect(rig.raw(Buffer.alloc(length))).toBeUndefined();
    }
    expect(rig.counters.dropped).toBe(13);
  });

  it('is malformed at every length below the whole', () => {
    const rig = new ResponderRig();
    const query = encode({
      type: 'query',
      questions: [{ type: 'A', name: ZONE }],
      additionals: [opt(1232)],
    });
    for (let length = 12; length < query.length; length++) {
      expect((rig.raw(query.subarray(0, length)) as Buffer)[3] & 15).toBe(1);
    }
  });
});

describe('EDNS', () => {
  it('is answered where it was asked for, and nowhere else', () => {
    const rig = new ResponderRig();
    expect(rig.ask('A').additionals).toEqual([]);
    const { additionals } = rig.ask('A', ZONE, { additionals: [{ ...opt(4_096), flags: 0x8000 }] });
    expect(additionals).toMatchObject([
      { type: 'OPT', udpPayloadSize: 1_232, ednsVersion: 0, extendedRcode: 0, flags: 0 },
    ]);
    for (const [type, name] of [
      ['A', `x.${ZONE}`],
      ['A', 'example.net'],
    ]) {
      const reply = rig.ask(type, name, { additionals: [opt(512)] });
      expect(reply.additionals).toMatchObject([{ type: 'OPT' }]);
    }
  });

  it('of another version is refused with BADVERS', () => {
    const reply = new ResponderRig().ask('A', ZONE, { additionals: [opt(1_232, 1)] });
    expect(rcodeOf(reply)).toBe('NOERROR');
    expect(reply.additionals).toMatchObject([{ type: 'OPT', extendedRcode: 1, ednsVersion: 0 }]);
    expect(reply.answers).toEqual([]);
  });

  it('sets the size from which an answer is cut, and nothing of it is left', () => {
    const rig = new ResponderRig({ answersMax: 64 }, many(64));
    const plain = rig.ask('AAAA');
    expect(plain.flag_tc).toBe(true);
    expect(plain.answers).toEqual([]);
    expect(rig.ask('AAAA', ZONE, { additionals: [opt(1_232)] }).flag_tc).toBe(true);
    const large = rig.ask('AAAA', ZONE, { additionals: [opt(4_096)] });
    expect(large.flag_tc).toBe(false);
    expect(large.answers).toHaveLength(64);
    expect(large.additionals).toHaveLength(1);
    expect(rig.counters.truncated).toBe(2);
  });

  it('leaves room for itself: every size up to the whole is kept', () => {
    const rig = new ResponderRig({ answersMax: 64 }, many(64));
    const query = encode({
      type: 'query',
      questions: [{ type: 'AAAA', name: ZONE }],
      additionals: [opt(4_096)],
    });
    const whole = (rig.raw(query) as Buffer).length;
    expect((rig.raw(query, whole) as Buffer).length).toBe(whole);
    for (let max = 512; max < whole; max++) {
      expect((rig.raw(query, max) as Buffer).length).toBeLessThanOrEqual(max);
    }
  });

  it('leaves addresses of name servers out rather than cutting the answer', () => {
    const nameServers = Array.from({ length: 12 }, (_, i) => `ns${i}.${ZONE}`);
    const reply = new ResponderRig({ nameServers }).ask('NS');
    expect(reply.flag_tc).toBe(false);
    expect(reply.answers).toHaveLength(12);
    expect(reply.additionals?.length).toBeLessThan(24);
  });
});

it('cuts an answer on demand, keeping its question', () => {
  const rig = new ResponderRig();
  const questions = [{ type: 'A', name: ZONE }] as const;
  const reply = rig.packet({ type: 'query', questions: [...questions] }, 512, true);
  expect(reply.flag_tc).toBe(true);
  expect(reply.questions).toHaveLength(1);
  expect(reply.answers).toEqual([]);
});

it('counts queries by type and answers by code', () => {
  const rig = new ResponderRig();
  rig.ask('A');
  rig.ask('MX');
  rig.ask('AAAA', 'example.net');
  expect(rig.counters.queriesByType).toMatchObject({ A: 1, AAAA: 1, other: 1, TXT: 0 });
  expect(rig.counters.answersByRcode).toMatchObject({ NOERROR: 2, REFUSED: 1 });
});
