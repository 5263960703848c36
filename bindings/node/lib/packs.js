// Writing straight to packs.

import { ClosedError } from './errors.js';
import { batches, bytesOf, compressionOf, idsOf } from './values.js';

/** Writes objects straight to packs. It has the pack lock until it is finished or disposed of. */
export class PackWriter {
  #session;
  #writer;

  /** @private */
  constructor(session, { compression = 'auto' } = {}) {
    compressionOf(compression);
    this.#session = session;
    this.#writer = session.keep(session.call((handle) => handle.packWriter(compression)));
  }

  add(content) {
    const bytes = bytesOf(content);
    return this.#session.call(() => this.#open().add(bytes));
  }

  addMany(contents) {
    const ids = [];
    for (const batch of batches(contents)) {
      for (const id of idsOf(this.#session.call(() => this.#open().addMany(batch)))) {
        ids.push(id);
      }
    }
    return ids;
  }

  addFile(path) {
    return this.addFiles([path])[0];
  }

  addFiles(paths) {
    return this.#session.addFiles([...paths], (handle, groups) => this.#open().addFiles(groups));
  }

  commit() {
    this.#session.call(() => this.#open().commit());
  }

  finish() {
    const writer = this.#open();
    this.#writer = undefined;
    try {
      this.#session.call(() => writer.finish());
    } finally {
      this.#session.drop(writer);
    }
  }

  [Symbol.dispose]() {
    const writer = this.#writer;
    this.#writer = undefined;
    this.#session.drop(writer);
  }

  #open() {
    if (this.#writer === undefined) {
      throw new ClosedError('closed', 'the pack writer is finished');
    }
    return this.#writer;
  }
}
