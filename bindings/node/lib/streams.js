// Objects as streams of Node.

import { Readable, Writable, addAbortSignal } from 'node:stream';

import { bufferOf, bytesOf, checkId, integer } from './values.js';

/** The most bytes that one read gives. */
const READ_MAX = 1 << 20;
const END = Number.MAX_SAFE_INTEGER;

/** The bytes of an object, or of a part of it. */
export class ObjectReadStream extends Readable {
  /** The object's ID. */
  id;
  /** The object's size in bytes, known from the event `open` on. */
  size;
  #session;
  #reader;
  #start;
  #left;

  constructor(session, id, { start = 0, end = END, highWaterMark = 64 << 10, signal } = {}) {
    checkId(id);
    integer('start', start, 0, END);
    // One less than `start` is an empty range.
    integer('end', end, start - 1, END);
    super({ highWaterMark });
    this.id = id;
    this.#session = session;
    this.#start = start;
    this.#left = end === END ? END : end - start + 1;
    abortBy(this, signal);
  }

  _construct(callback) {
    try {
      this.#reader = this.#session.call((handle) => handle.reader(this.id));
      this.size = this.#session.call(() => this.#reader.size());
      if (this.#start > 0) {
        this.#session.call(() => this.#reader.seek(this.#start));
      }
    } catch (error) {
      callback(error);
      return;
    }
    callback();
    this.emit('open');
  }

  _read(size) {
    try {
      const asked = Math.min(size, READ_MAX, this.#left);
      const bytes = asked === 0 ? new Uint8Array() : this.#session.call(() => this.#reader.read(asked));
      this.#left -= bytes.length;
      this.push(bytes.length === 0 ? null : bufferOf(bytes));
    } catch (error) {
      this.destroy(error);
    }
  }

  _destroy(error, callback) {
    close(this.#session, this.#reader, error, callback);
    this.#reader = undefined;
  }
}

/** A loose object that is being written. `finish` comes when it is durable, and `id` is its ID then. */
export class ObjectWriteStream extends Writable {
  /** The object's ID, from the event `finish` on. */
  id;
  /** Bytes that were written. */
  bytesWritten = 0;
  #session;
  #writer;

  constructor(session, { highWaterMark = 64 << 10, signal } = {}) {
    super({ highWaterMark });
    this.#session = session;
    abortBy(this, signal);
  }

  _construct(callback) {
    try {
      this.#writer = this.#session.keep(this.#session.call((handle) => handle.writer()));
    } catch (error) {
      callback(error);
      return;
    }
    callback();
  }

  _write(chunk, encoding, callback) {
    try {
      this.#session.call(() => this.#writer.write(chunk));
      this.bytesWritten += chunk.length;
    } catch (error) {
      callback(error);
      return;
    }
    // In a later turn: a source that is faster than its own events would keep them all waiting.
    setImmediate(callback);
  }

  _final(callback) {
    try {
      this.id = this.#session.call(() => this.#writer.finish());
    } catch (error) {
      callback(error);
      return;
    }
    callback();
  }

  _destroy(error, callback) {
    close(this.#session, this.#writer, error, callback);
    this.#writer = undefined;
  }
}

/** The constructors of Node's streams would destroy the stream before it has its fields. */
function abortBy(stream, signal) {
  if (signal !== undefined) {
    addAbortSignal(signal, stream);
  }
}

function close(session, resource, error, callback) {
  try {
    session.drop(resource);
  } catch (failure) {
    callback(error ?? failure);
    return;
  }
  callback(error);
}

/** Stores what an iterable of pieces gives, as they come. */
export async function addPieces(session, pieces) {
  const writer = session.keep(session.call((handle) => handle.writer()));
  try {
    for await (const piece of pieces) {
      const bytes = bytesOf(piece);
      session.call(() => writer.write(bytes));
    }
    return session.call(() => writer.finish());
  } finally {
    session.drop(writer);
  }
}
