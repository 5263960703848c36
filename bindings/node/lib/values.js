// Values on their way in and out: bytes, IDs, and what jobs and containers report.

import { types } from 'node:util';

import { invalidId } from './errors.js';

const ID = /^[0-9a-f]{64}$/;

/** The hex digits of a digest. */
const DIGITS = 64;
/** The bytes of a digest. */
const DIGEST = 32;

/** An argument of a wrong type, in Node's manner. */
export function wrongType(what, found) {
  const kind = typeof found === 'object' ? found?.constructor?.name : typeof found;
  const shown = kind ?? String(found);
  return Object.assign(new TypeError(`${what}, not ${shown}`), { code: 'ERR_INVALID_ARG_TYPE' });
}

/** The same bytes. Those that were transferred to another thread are gone, and would look like none. */
function attached(bytes) {
  if (bytes.length === 0) {
    try {
      new Uint8Array(bytes.buffer);
    } catch {
      throw wrongType('content is a Buffer that was not transferred', bytes);
    }
  }
  return bytes;
}

/** Bytes as engines take them: a view, never a copy. */
export function bytesOf(content) {
  // Whatever its prototype says: a proxy of a Buffer is none.
  if (ArrayBuffer.isView(content)) {
    const { buffer, byteOffset, byteLength } = content;
    return attached(types.isUint8Array(content) ? content : new Uint8Array(buffer, byteOffset, byteLength));
  }
  if (content instanceof ArrayBuffer) {
    return attached(new Uint8Array(content));
  }
  if (typeof content === 'string') {
    throw wrongType('content is bytes: encode the text with Buffer.from, or give a path to addFile', content);
  }
  throw wrongType('content is a Buffer, another view of bytes, or an ArrayBuffer', content);
}

/** Bytes that an engine gave, without a copy. */
export function bufferOf(bytes) {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** An ID, checked. */
export function checkId(id) {
  if (typeof id !== 'string') {
    throw wrongType('an object ID is a string of 64 lowercase hex digits', id);
  }
  if (!ID.test(id)) {
    throw invalidId(id);
  }
  return id;
}

/** IDs as an array of strings; a lone string would be taken for its characters. */
export function listOf(ids) {
  if (typeof ids === 'string' || typeof ids?.[Symbol.iterator] !== 'function') {
    throw wrongType('ids is an iterable of object IDs', ids);
  }
  return Array.isArray(ids) ? ids : [...ids];
}

/** IDs as calls take many of them. */
export function digestsOf(ids) {
  const { length } = ids;
  const digests = Buffer.allocUnsafe(DIGEST * length);
  for (let index = 0; index < length; index += 1) {
    digests.write(checkId(ids[index]), DIGEST * index, 'hex');
  }
  return digests;
}

/** The IDs that calls give many of. */
export function idsOf(digests) {
  const digits = bufferOf(digests).toString('hex');
  const ids = new Array(digests.length / DIGEST);
  for (let index = 0; index < ids.length; index += 1) {
    ids[index] = digits.slice(DIGITS * index, DIGITS * (index + 1));
  }
  return ids;
}

/** A record with numbers in place of BigInts: sizes of files are far below 2^53. */
export function numbers(record) {
  const entries = Object.entries(record);
  return Object.fromEntries(entries.map(([key, value]) => [key, typeof value === 'bigint' ? Number(value) : value]));
}

/** What `info` gives. */
export function infoOf(id, { size, place }) {
  return place ? { id, size, placement: 'packed', ...place } : { id, size, placement: 'loose' };
}

/** Milliseconds, which may be a fraction, checked. */
export function checkTime(milliseconds) {
  if (typeof milliseconds !== 'number' || !(milliseconds >= 0) || !Number.isFinite(milliseconds)) {
    throw Object.assign(new RangeError(`a time is a number of milliseconds, not ${milliseconds}`), {
      code: 'ERR_OUT_OF_RANGE',
    });
  }
  return milliseconds;
}

/** Milliseconds as nanoseconds, a BigInt of at most 64 bits. */
export function bigNanoseconds(milliseconds) {
  const nanoseconds = BigInt(Math.round(Math.min(milliseconds * 1e6, 2 ** 64)));
  return nanoseconds < NANOSECONDS_MAX ? nanoseconds : NANOSECONDS_MAX;
}

const NANOSECONDS_MAX = 2n ** 64n - 1n;

/** Contents in groups that fit in memory together, and become durable together. */
export function* batches(contents) {
  const isOne = typeof contents === 'string' || ArrayBuffer.isView(contents);
  if (isOne || typeof contents?.[Symbol.iterator] !== 'function') {
    throw wrongType('contents is an iterable of Buffers', contents);
  }
  let batch = [];
  let size = 0;
  for (const content of contents) {
    const bytes = bytesOf(content);
    batch.push(bytes);
    size += bytes.length;
    if (size >= BATCH_BYTES || batch.length === BATCH_OBJECTS) {
      batch.forEach(attached);
      yield batch;
      batch = [];
      size = 0;
    }
  }
  if (batch.length > 0) {
    batch.forEach(attached);
    yield batch;
  }
}

/** Bytes of objects after which a batch is passed on. */
const BATCH_BYTES = 16 << 20;
/** The most objects of a batch. */
const BATCH_OBJECTS = 20_000;

/** One of a few words. */
export function choice(name, value, words) {
  if (!words.includes(value)) {
    const message = `${name} is one of ${words.map((word) => `'${word}'`).join(', ')}, not ${String(value)}`;
    throw Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_VALUE' });
  }
  return value;
}

/** An integer from `least` to `most`. */
export function integer(name, value, least, most) {
  if (!Number.isInteger(value) || value < least || value > most) {
    const message = `${name} is an integer from ${least} to ${most}, not ${String(value)}`;
    throw Object.assign(new RangeError(message), { code: 'ERR_OUT_OF_RANGE' });
  }
  return value;
}

/** When to compress. */
export const compressionOf = (value) => choice('compression', value, ['never', 'always', 'auto']);
