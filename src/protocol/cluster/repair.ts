/**
 * The conversation of a repair, on `rep.<to>.<from>`: batches again, walks, digests of cells. What
 * walks bring are entries (entries.ts); all else is here. After the envelope (16 bytes):
 *
 * ```
 * resend       epoch 8, first 4, last 4          sequences asked for, both ends included
 * resent       a batch, with its own envelope
 * gone         epoch 8, first 4, last 4          of a resend: these are no longer held
 * walk         walk 4, credits 2, flags 1, zero 1, since 4, cells 512
 * credit       walk 4, credits 2, zero 2         so many chunks more
 * busy         walk 4, retry 4                   milliseconds to wait before another try
 * cancel       walk 4
 * cellsWanted  request 4
 * cells        request 4, digests 4096 x 8       cell by cell, low half first
 * ```
 *
 * Flags of a walk: bit 0, only peers whose stamp is `since` or newer; bit 1, only peers that the donor
 * heard itself; bit 2, only web peers (asked of nodes that say they know these). Bit n of byte m of its cells is cell 8m + n.
 */
import {
  Decoded,
  ENVELOPE_BYTES,
  MessageKind,
  messageKind,
  openEnvelope,
  sealEnvelope,
} from './envelope.js';
import { readI32, readU16, readU32, readU64, writeU16, writeU32, writeU64 } from './fields.js';

/** Cells that the digest of a store has. */
export const CELLS = 4_096;
export const CELL_MAP_BYTES = CELLS / 8;
export const CREDITS_MAX = 1_024;
export const RETRY_MS_MAX = 600_000;

const BODY = ENVELOPE_BYTES;
const RANGE_BYTES = BODY + 16;
const WALK_BYTES = BODY + 12 + CELL_MAP_BYTES;
const WALK_CELLS_AT = BODY + 12;
const CELLS_BYTES = BODY + 4 + CELLS * 8;
const WalkFlag = { since: 1, own: 2, web: 4 } as const;
const WALK_FLAGS_ALL = 7;

/** A range of an epoch's batches. */
export interface BatchRange {
  readonly epoch: number;
  readonly first: number;
  readonly last: number;
}

export interface WalkRequest {
  readonly walkId: number;
  /** Chunks that the donor may send before it waits for more. */
  readonly credits: number;
  /** Only peers whose stamp is this or newer; undefined for all. */
  readonly since: number | undefined;
  /** Only peers that the donor heard itself. */
  readonly ownOnly: boolean;
  /** Only web peers. */
  readonly webOnly: boolean;
  /** Cells asked for, 512 bytes. */
  readonly cells: Uint8Array;
}

export type RepairMessage =
  | ({ readonly kind: 'resend' | 'gone' } & BatchRange)
  /** A part of the message that was read, to be copied by whoever keeps it. */
  | { readonly kind: 'resent'; readonly batch: Uint8Array }
  | ({ readonly kind: 'walk' } & WalkRequest)
  | { readonly kind: 'credit'; readonly walkId: number; readonly credits: number }
  | { readonly kind: 'busy'; readonly walkId: number; readonly retryMs: number }
  | { readonly kind: 'cancel'; readonly walkId: number }
  | { readonly kind: 'cellsWanted'; readonly requestId: number }
  /** Two words a cell, low half first. */
  | { readonly kind: 'cells'; readonly requestId: number; readonly cells: Int32Array }
  /** A message for the EntriesDecoder, which has yet to check all but its envelope. */
  | { readonly kind: 'entries' };

/** Reads a message of the repair; a `Decoded` code for one that cannot be. Never throws. */
export function decodeRepair(bytes: Uint8Array): RepairMessage | Exclude<Decoded, 0> {
  const outcome = openEnvelope(bytes);
  if (outcome !== Decoded.ok) return outcome;
  const { length } = bytes;
  switch (messageKind(bytes)) {
    case MessageKind.resend:
      return length === RANGE_BYTES ? decodeRange('resend', bytes) : Decoded.length;
    case MessageKind.gone:
      return length === RANGE_BYTES ? decodeRange('gone', bytes) : Decoded.length;
    case MessageKind.resent:
      return { kind: 'resent', batch: bytes.subarray(BODY) };
    case MessageKind.walk:
      return length === WALK_BYTES ? decodeWalk(bytes) : Decoded.length;
    case MessageKind.credit: {
      if (length !== BODY + 8) return Decoded.length;
      const credits = readU16(bytes, BODY + 4);
      if (credits > CREDITS_MAX || readU16(bytes, BODY + 6) !== 0) return Decoded.body;
      return { kind: 'credit', walkId: readU32(bytes, BODY), credits };
    }
    case MessageKind.busy: {
      if (length !== BODY + 8) return Decoded.length;
      const retryMs = readU32(bytes, BODY + 4);
      if (retryMs > RETRY_MS_MAX) return Decoded.body;
      return { kind: 'busy', walkId: readU32(bytes, BODY), retryMs };
    }
    case MessageKind.cancel:
      if (length !== BODY + 4) return Decoded.length;
      return { kind: 'cancel', walkId: readU32(bytes, BODY) };
    case MessageKind.cellsWanted:
      if (length !== BODY + 4) return Decoded.length;
      return { kind: 'cellsWanted', requestId: readU32(bytes, BODY) };
    case MessageKind.cells:
      return length === CELLS_BYTES ? decodeCells(bytes) : Decoded.length;
    case MessageKind.chunk:
    case MessageKind.words:
    case MessageKind.stops:
      return { kind: 'entries' };
    default:
      return Decoded.kind;
  }
}

function decodeRange(
  kind: 'resend' | 'gone',
  bytes: Uint8Array,
): RepairMessage | typeof Decoded.body {
  const epoch = readU64(bytes, BODY);
  const first = readU32(bytes, BODY + 8);
  const last = readU32(bytes, BODY + 12);
  if (epoch < 0 || first === 0 || last < first) return Decoded.body;
  return { kind, epoch, first, last };
}

function decodeWalk(bytes: Uint8Array): RepairMessage | typeof Decoded.body {
  const credits = readU16(bytes, BODY + 4);
  const flags = bytes[BODY + 6];
  if (credits > CREDITS_MAX || flags > WALK_FLAGS_ALL) return Decoded.body;
  const since = readI32(bytes, BODY + 8);
  const hasSince = (flags & WalkFlag.since) !== 0;
  if (bytes[BODY + 7] !== 0 || (!hasSince && since !== 0)) return Decoded.body;
  return {
    kind: 'walk',
    walkId: readU32(bytes, BODY),
    credits,
    since: hasSince ? since : undefined,
    ownOnly: (flags & WalkFlag.own) !== 0,
    webOnly: (flags & WalkFlag.web) !== 0,
    cells: bytes.slice(WALK_CELLS_AT),
  };
}

function decodeCells(bytes: Uint8Array): RepairMessage {
  const cells = new Int32Array(2 * CELLS);
  for (let i = 0; i < cells.length; i++) cells[i] = readI32(bytes, BODY + 4 + 4 * i);
  return { kind: 'cells', requestId: readU32(bytes, BODY), cells };
}

export function encodeResend(range: BatchRange): Uint8Array {
  return encodeRange(MessageKind.resend, range);
}

export function encodeGone(range: BatchRange): Uint8Array {
  return encodeRange(MessageKind.gone, range);
}

function encodeRange(
  kind: typeof MessageKind.resend | typeof MessageKind.gone,
  { epoch, first, last }: BatchRange,
): Uint8Array {
  const bytes = new Uint8Array(RANGE_BYTES);
  writeU64(bytes, BODY, epoch);
  writeU32(bytes, BODY + 8, first);
  writeU32(bytes, BODY + 12, last);
  sealEnvelope(bytes, kind);
  return bytes;
}

/** Wraps a batch, which is copied. */
export function encodeResent(batch: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(BODY + batch.length);
  bytes.set(batch, BODY);
  sealEnvelope(bytes, MessageKind.resent);
  return bytes;
}

export function encodeWalk(request: WalkRequest): Uint8Array {
  const { walkId, credits, since, ownOnly, webOnly, cells } = request;
  const bytes = new Uint8Array(WALK_BYTES);
  writeU32(bytes, BODY, walkId);
  writeU16(bytes, BODY + 4, credits);
  bytes[BODY + 6] =
    (since === undefined ? 0 : WalkFlag.since) |
    (ownOnly ? WalkFlag.own : 0) |
    (webOnly ? WalkFlag.web : 0);
  writeU32(bytes, BODY + 8, since ?? 0);
  bytes.set(cells.subarray(0, CELL_MAP_BYTES), WALK_CELLS_AT);
  sealEnvelope(bytes, MessageKind.walk);
  return bytes;
}

export function encodeCredit(walkId: number, credits: number): Uint8Array {
  const bytes = new Uint8Array(BODY + 8);
  writeU32(bytes, BODY, walkId);
  writeU16(bytes, BODY + 4, Math.min(credits, CREDITS_MAX));
  sealEnvelope(bytes, MessageKind.credit);
  return bytes;
}

export function encodeBusy(walkId: number, retryMs: number): Uint8Array {
  const bytes = new Uint8Array(BODY + 8);
  writeU32(bytes, BODY, walkId);
  writeU32(bytes, BODY + 4, Math.min(retryMs, RETRY_MS_MAX));
  sealEnvelope(bytes, MessageKind.busy);
  return bytes;
}

export function encodeCancel(walkId: number): Uint8Array {
  return encodeNumber(MessageKind.cancel, walkId);
}

export function encodeCellsWanted(requestId: number): Uint8Array {
  return encodeNumber(MessageKind.cellsWanted, requestId);
}

function encodeNumber(
  kind: typeof MessageKind.cancel | typeof MessageKind.cellsWanted,
  number: number,
): Uint8Array {
  const bytes = new Uint8Array(BODY + 4);
  writeU32(bytes, BODY, number);
  sealEnvelope(bytes, kind);
  return bytes;
}

/** Takes the digests as two words a cell, low half first. */
export function encodeCells(requestId: number, cells: Int32Array): Uint8Array {
  const bytes = new Uint8Array(CELLS_BYTES);
  writeU32(bytes, BODY, requestId);
  for (let i = 0; i < 2 * CELLS; i++) writeU32(bytes, BODY + 4 + 4 * i, cells[i]);
  sealEnvelope(bytes, MessageKind.cells);
  return bytes;
}
