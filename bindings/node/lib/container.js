// A container: a directory that holds objects.

import fs from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { TooLargeError } from './errors.js';
import { PackWriter } from './packs.js';
import { ManyReader, readWhole } from './reading.js';
import { Session, openOptions, pathOf } from './session.js';
import { ObjectReadStream, ObjectWriteStream, addPieces } from './streams.js';
import { Upkeep } from './upkeep.js';
import { batches, bufferOf, bytesOf, checkId, digestsOf, idsOf, infoOf, integer, listOf } from './values.js';

/** The IDs of a page of a listing. */
const PAGE = 10_000;
/** Files that are added by one call. */
const BATCH_FILES = 2000;

/** A container. `open` and `create` give it. */
export class Container extends Upkeep {
  #session;

  /** @private */
  constructor(session) {
    super(session);
    this.#session = session;
  }

  get path() {
    return this.#session.path;
  }

  get closed() {
    return this.#session.closed;
  }

  get engine() {
    return this.#session.engine;
  }

  get id() {
    return this.#session.call((handle) => handle.id());
  }

  get config() {
    return this.#session.call((handle) => handle.config());
  }

  get durable() {
    return this.#session.call((handle) => handle.durable());
  }

  close() {
    this.#session.close();
  }

  [Symbol.dispose]() {
    this.close();
  }

  // Adding

  add(content) {
    if (typeof content?.[Symbol.asyncIterator] === 'function') {
      return addPieces(this.#session, content);
    }
    const bytes = bytesOf(content);
    return this.#session.call((handle) => handle.add(bytes));
  }

  addMany(contents) {
    const ids = [];
    for (const batch of batches(contents)) {
      for (const id of idsOf(this.#session.call((handle) => handle.addMany(batch)))) {
        ids.push(id);
      }
    }
    return ids;
  }

  addFile(path) {
    return this.addFiles([path])[0];
  }

  addFiles(paths) {
    const all = [...paths];
    const ids = [];
    for (let start = 0; start < all.length; start += BATCH_FILES) {
      const some = all.slice(start, start + BATCH_FILES);
      ids.push(...this.#session.addFiles(some, (handle, groups) => handle.addFiles(groups)));
    }
    return ids;
  }

  createWriteStream(options) {
    return new ObjectWriteStream(this.#session, options);
  }

  packWriter(options) {
    return new PackWriter(this.#session, options);
  }

  // Reading

  get(id) {
    checkId(id);
    try {
      return bufferOf(this.#session.call((handle) => handle.get(id)));
    } catch (error) {
      if (error instanceof TooLargeError) {
        return readWhole(this.#session, id);
      }
      throw error;
    }
  }

  getToFile(id, path) {
    checkId(id);
    const { folder, name } = this.#session.locate(path, 'create');
    return this.#session.call((handle) => handle.getToFile(id, folder, name), pathOf(path));
  }

  readMany(ids, options) {
    return new ManyReader(this.#session, listOf(ids), options);
  }

  createReadStream(id, options) {
    return new ObjectReadStream(this.#session, id, options);
  }

  // Asking

  has(ids) {
    const one = typeof ids === 'string';
    const digests = digestsOf(one ? [ids] : listOf(ids));
    const found = this.#session.call((handle) => handle.contains(digests));
    return one ? found[0] : found;
  }

  info(id) {
    checkId(id);
    return infoOf(id, this.#session.call((handle) => handle.info(id)));
  }

  infoMany(ids) {
    const asked = listOf(ids);
    const digests = digestsOf(asked);
    const found = this.#session.call((handle) => handle.infoMany(digests));
    return found.map((info, index) => (info ? infoOf(asked[index], info) : undefined));
  }

  *[Symbol.iterator]() {
    for (const page of this.#pages()) {
      yield* page;
    }
  }

  async *[Symbol.asyncIterator]() {
    for (const page of this.#pages()) {
      yield* page;
      await nextTurn();
    }
  }

  *#pages() {
    for (let last; ; ) {
      const page = idsOf(this.#session.call((handle) => handle.objects(last, PAGE)));
      if (page.length === 0) {
        return;
      }
      last = page.at(-1);
      yield page;
    }
  }

  stats() {
    return this.#session.call((handle) => handle.stats());
  }

  packs() {
    return this.#session.call((handle) => handle.packs());
  }
}

/** Opens the container in a directory. */
export function open(directory, options = {}) {
  const [path, how] = [pathOf(directory), openOptions(options)];
  return new Container(new Session(path, options.engine, (engine) => engine.open(path, how)));
}

/** Makes a container in a new or an empty directory, and opens it. */
export function create(directory, options = {}) {
  const { packTarget = 4 * 2 ** 30, compressionLevel = 1 } = options;
  integer('packTarget', packTarget, 1, Number.MAX_SAFE_INTEGER);
  integer('compressionLevel', compressionLevel, 1, 9);
  const config = { packTarget, compressionLevel, shared: false };
  const [path, how] = [pathOf(directory), openOptions({ ...options, readOnly: false, damaged: false })];
  const start = (engine) => {
    fs.mkdirSync(path, { recursive: true });
    return engine.create(path, config, how);
  };
  return new Container(new Session(path, options.engine, start));
}

/** Makes a container in a new or an empty directory from a backup, and opens it. */
export async function restore(backup, directory, options = {}) {
  const source = open(backup, { readOnly: true, engine: options.engine });
  try {
    await source.copyTo(directory).finish();
  } finally {
    source.close();
  }
  return open(directory, options);
}
