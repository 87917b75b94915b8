/** Numbers of the Domain Name System that we use: RFC 1035, 2136, 6891, 8482, 8945. */

export const RecordType = {
  a: 1,
  ns: 2,
  soa: 6,
  hinfo: 13,
  txt: 16,
  aaaa: 28,
  opt: 41,
  tkey: 249,
  tsig: 250,
  ixfr: 251,
  axfr: 252,
  mailb: 253,
  maila: 254,
  any: 255,
} as const;

export const RecordClass = { in: 1, any: 255 } as const;

export const Opcode = { query: 0, update: 5 } as const;

export const Rcode = {
  noError: 0,
  formErr: 1,
  nxDomain: 3,
  notImp: 4,
  refused: 5,
  notAuth: 9,
  notZone: 10,
  /** Of EDNS: its upper eight bits travel in the OPT record. */
  badVers: 16,
} as const;

/** Bits of the second 16-bit word of a header. */
export const HeaderFlag = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  checkingDisabled: 0x0010,
} as const;
export const OPCODE_SHIFT = 11;

export const HEADER_BYTES = 12;
/** A domain name on the wire, the root's zero included. */
export const NAME_BYTES_MAX = 255;
export const LABEL_BYTES_MAX = 63;
