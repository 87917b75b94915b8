/**
 * The kinds of value that a setting can have. Each carries one sentence, `expects`, which is the
 * whole message when a value is not of its kind, and the 'Value' column of the documentation.
 */
import { z } from 'zod';
import { CidrError, CidrSet } from '../lib/cidr-set.js';
import { parseAddress } from '../lib/endpoint.js';
import { LISTEN_EXPECTS, parseListen } from './listen.js';

export interface Expectation {
  /** Completes the sentence 'expected ...'. */
  readonly expects: string;
  /** True for a list that may also be given as the word `off`, which means an empty list. */
  readonly offMeansEmpty: boolean;
}

/** What each leaf schema expects, by schema instance. */
export const expectations = z.registry<Expectation>();

/** Most items in any list. */
export const LIST_ITEMS_MAX = 256;

function expecting<T extends z.ZodType>(schema: T, expects: string, offMeansEmpty = false): T {
  expectations.add(schema, { expects, offMeansEmpty });
  return schema;
}

const grouped = (value: number) => value.toLocaleString('en-US');

/** A whole number of things, bytes or seconds. */
export function whole(min: number, max: number, note = ''): z.ZodInt {
  const expects = `a whole number from ${grouped(min)} to ${grouped(max)}${note}`;
  return expecting(z.int(expects).min(min, expects).max(max, expects), expects);
}

/** A whole number that is a power of two. */
export function powerOfTwo(max: number): z.ZodInt {
  const expects = `a power of two from 1 to ${grouped(max)}`;
  const schema = z
    .int(expects)
    .min(1, expects)
    .max(max, expects)
    .refine((value) => Number.isInteger(Math.log2(value)), expects);
  return expecting(schema, expects);
}

/** A part of one. */
export function share(max: number): z.ZodNumber {
  const expects = `a number from 0 to ${max}`;
  return expecting(z.number(expects).min(0, expects).max(max, expects), expects);
}

export function yesNo(): z.ZodBoolean {
  const expects = 'true or false';
  return expecting(z.boolean(expects), expects);
}

export function choice<const T extends readonly [string, ...string[]]>(words: T) {
  const expects = `one of ${words.join(', ')}`;
  return expecting(z.enum(words, expects), expects);
}

// Control characters, line separators, lone surrogates and non-characters: no file format carries
// them all, and none belongs in a name or a path.
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\uFEFF\uFFFE\uFFFF]/u;

function isPlainText(text: string): boolean {
  return text === text.trim() && !UNPRINTABLE.test(text);
}

/** One line of printable text without spaces around it. `min` 1 refuses the empty text. */
export function line(what: string, min: 0 | 1, max: number): z.ZodString {
  const expects = `${what}, at most ${grouped(max)} printable characters${min === 0 ? ' or empty' : ''}`;
  const schema = z.string(expects).min(min, expects).max(max, expects).refine(isPlainText, expects);
  return expecting(schema, expects);
}

/** `ADDR:PORT`. */
export function listen(): z.ZodString {
  const isValid = (text: string) => parseListen(text) !== undefined;
  return expecting(z.string(LISTEN_EXPECTS).refine(isValid, LISTEN_EXPECTS), LISTEN_EXPECTS);
}

/** `ADDR:PORT`, `off`, or empty for a default that depends on the role. */
export function listenOffOrEmpty(): z.ZodString {
  const expects = `${LISTEN_EXPECTS}, off, or empty`;
  const isValid = (text: string) =>
    text === '' || text === 'off' || parseListen(text) !== undefined;
  return expecting(z.string(expects).refine(isValid, expects), expects);
}

/** `https://HOST[:PORT]` without anything behind it, or empty. */
export function minderUrl(): z.ZodString {
  const expects = 'a URL such as https://minder.example:7443, or empty';
  const isValid = (text: string) => {
    if (text === '') return true;
    if (!URL.canParse(text)) return false;
    const { protocol, pathname, search, hash, username, password } = new URL(text);
    return protocol === 'https:' && pathname === '/' && search + hash + username + password === '';
  };
  return expecting(z.string(expects).max(512, expects).refine(isValid, expects), expects);
}

/** Any `https://` URL without credentials, or empty. */
export function httpsUrl(): z.ZodString {
  const expects = 'a URL that begins with https://, or empty';
  const isValid = (text: string) => {
    if (text === '') return true;
    if (!URL.canParse(text)) return false;
    const { protocol, hash, username, password } = new URL(text);
    return protocol === 'https:' && hash + username + password === '';
  };
  return expecting(z.string(expects).max(512, expects).refine(isValid, expects), expects);
}

/** Several `ADDR:PORT`, none of them twice unless its port is 0. */
export function listenList() {
  const item = z
    .string(LISTEN_EXPECTS)
    .refine((text) => parseListen(text) !== undefined, LISTEN_EXPECTS);
  const expects = 'a list of ADDR:PORT (such as *:6969 or [::1]:6969), each once, or off';
  const mayRepeat = (text: string) => text.endsWith(':0') || text === '0';
  return expecting(list(item, expects, 0, mayRepeat), expects, true);
}

/** True for what the set of networks takes that the workers are going to build. */
function isNetwork(text: string): boolean {
  try {
    return new CidrSet([text]) instanceof CidrSet;
  } catch (error) {
    if (error instanceof CidrError) return false;
    throw error;
  }
}

/** Networks as `ADDRESS/BITS`, or single addresses. */
export function networkList() {
  const itemExpects = 'a network such as 10.0.0.0/8 or 2001:db8::/32, or an address';
  const item = z.string(itemExpects).refine(isNetwork, itemExpects);
  const expects = 'a list of networks (ADDRESS/BITS) or addresses, each once';
  return expecting(list(item, expects), expects);
}

const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;
const scratch = new Uint8Array(16);

function isHost(text: string): boolean {
  // All digits and dots is an address or a mistake, never a name.
  if (/^[0-9.]+$/.test(text) || text.includes(':')) return parseAddress(text, scratch) !== 0;
  return HOST_NAME.test(text);
}

/** IP addresses (IPv6 without brackets) or DNS names. */
export function hostList() {
  const itemExpects = 'an IP address or a host name';
  const item = z.string(itemExpects).refine(isHost, itemExpects);
  const expects = 'a list of IP addresses or host names, each once';
  return expecting(list(item, expects), expects);
}

/** A domain name of two labels or more that are host names, without the last dot; or empty. */
export function domainName(): z.ZodString {
  const expects = 'a domain name such as tracker.example.org, or empty';
  const isValid = (text: string) =>
    text === '' || (text.includes('.') && isHost(text) && HOST_NAME.test(text));
  return expecting(z.string(expects).refine(isValid, expects), expects);
}

/** `HOST:PORT`, where the host is an address or a name; or empty. */
export function hostPort(): z.ZodString {
  const expects = 'HOST:PORT (such as 192.0.2.1:53 or [2001:db8::1]:53), or empty';
  const isValid = (text: string) => {
    if (text === '') return true;
    const match = /^(?:\[([^\]]+)\]|([^:]+)):([1-9][0-9]{0,4})$/.exec(text);
    return match !== null && isHost(match[1] ?? match[2]) && Number(match[3]) <= 65_535;
  };
  return expecting(z.string(expects).refine(isValid, expects), expects);
}

const ANNOUNCE_PATH = /^(?:\/(?:\{key\}|(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+))+$/;

function isAnnouncePath(text: string): boolean {
  return text.length <= 200 && ANNOUNCE_PATH.test(text) && text.split('{key}').length <= 2;
}

/** Paths of announce URLs, in which one segment may be `{key}`. */
export function announcePathList() {
  const itemExpects = 'a path such as /announce or /{key}/announce (one {key} at most)';
  const item = z.string(itemExpects).refine(isAnnouncePath, itemExpects);
  const expects = 'a list of paths, 1 at least, each once; one segment of each may be {key}';
  return expecting(list(item, expects, 1), expects);
}

/** Paths of files; one may be there several times where `mayRepeat` says so. */
export function pathList({ mayRepeat }: { readonly mayRepeat: boolean }) {
  const itemExpects = 'a path, at most 4,096 printable characters';
  const item = z
    .string(itemExpects)
    .min(1, itemExpects)
    .max(4_096, itemExpects)
    .refine(isPlainText, itemExpects);
  const expects = `a list of paths${mayRepeat ? '' : ', each once'}`;
  return expecting(
    list(item, expects, 0, () => mayRepeat),
    expects,
  );
}

/** `https://HOST[:PORT]` or with http, in lower case, as browsers send it in `Origin`. */
export function originList() {
  const itemExpects = 'an origin such as https://example.org or http://localhost:8080';
  const isOrigin = (text: string) => URL.canParse(text) && new URL(text).origin === text;
  const item = z.string(itemExpects).max(512, itemExpects).refine(isOrigin, itemExpects);
  const expects = 'a list of origins such as https://example.org, each once';
  return expecting(list(item, expects), expects);
}

function list(
  item: z.ZodString,
  expects: string,
  countMin = 0,
  mayRepeat: (text: string) => boolean = () => false,
): z.ZodArray<z.ZodString> {
  const isUnrepeated = (texts: string[]) => {
    const single = texts.filter((text) => !mayRepeat(text));
    return new Set(single).size === single.length;
  };
  return z
    .array(item, expects)
    .min(countMin, expects)
    .max(LIST_ITEMS_MAX, expects)
    .refine(isUnrepeated, expects);
}
