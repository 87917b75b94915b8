/** Reads the head of a request in place; whoever wires the frontend injects one that does. */
export interface HeadParser {
  targetStart: number;
  targetEnd: number;
  /** The offset behind the head. */
  end: number;
  keepAlive: boolean;
  /** 0 incomplete so far, 1 a plain GET, 2 anything else. Never throws. */
  parse(bytes: Uint8Array, start: number, limit: number): number;
}

export const Head = { incomplete: 0, plain: 1, unusual: 2 } as const;
