// Reading many objects at once.

import { setImmediate as nextTurn } from 'node:timers/promises';

import { NotFoundError } from './errors.js';
import { bufferOf, digestsOf, idsOf } from './values.js';

/** The most bytes that one read gives. */
const READ_MAX = 1 << 20;

/** The whole of one object, in pieces that do not burden the sandbox's memory. */
export function readWhole(session, id) {
  const reader = session.call((handle) => handle.reader(id));
  try {
    const content = Buffer.allocUnsafeSlow(session.call(() => reader.size()));
    for (let done = 0; ; ) {
      const piece = session.call(() => reader.read(READ_MAX));
      if (piece.length === 0) {
        return content.subarray(0, done);
      }
      content.set(piece, done);
      done += piece.length;
    }
  } finally {
    session.drop(reader);
  }
}

/** Objects in the order that is fastest: pairs of ID and bytes, each ID once. */
export class ManyReader {
  #session;
  #ids;
  #digests;
  #skipMissing;
  #onError;

  /** @private */
  constructor(session, ids, { skipMissing = false, onError } = {}) {
    this.#session = session;
    this.#digests = digestsOf(ids);
    // The caller's own list may change while it is read.
    this.#ids = idsOf(this.#digests);
    this.#skipMissing = skipMissing;
    this.#onError = onError;
  }

  *[Symbol.iterator]() {
    for (const block of this.#blocks()) {
      yield* block;
    }
  }

  async *[Symbol.asyncIterator]() {
    for (const block of this.#blocks()) {
      yield* block;
      await nextTurn();
    }
  }

  *#blocks() {
    const batch = this.#session.call((handle) => handle.readMany(this.#digests));
    try {
      for (;;) {
        const block = this.#session.call(() => batch.next());
        if (block.positions.length + block.others.length === 0) {
          return;
        }
        yield this.#contents(block);
        yield* this.#others(block);
      }
    } finally {
      this.#session.drop(batch);
    }
  }

  #contents({ bytes, lengths, positions }) {
    const all = bufferOf(bytes);
    const contents = new Array(positions.length);
    for (let index = 0, start = 0; index < positions.length; index += 1) {
      const end = start + lengths[index];
      // A copy: one small object that is kept is not to keep the whole block.
      contents[index] = [this.#ids[positions[index]], Buffer.from(all.subarray(start, end))];
      start = end;
    }
    return contents;
  }

  *#others({ others }) {
    for (const [position, { tag, val }] of others) {
      const id = this.#ids[position];
      try {
        if (tag === 'too-large') {
          yield [[id, readWhole(this.#session, id)]];
        } else if (tag === 'failed') {
          throw this.#session.failure(val);
        } else if (!this.#skipMissing) {
          throw new NotFoundError('not-found', `no object ${id}`, { id });
        }
      } catch (error) {
        if (this.#onError === undefined) {
          throw error;
        }
        this.#onError(error, id);
      }
    }
  }
}
