// A container: a directory that holds objects.

import fs from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { TooLargeError } from './errors.js';
import { PackWriter } from './packs.js';
import { ManyReader, readWhole } from './reading.js';
import { Session, openOptions, pathOf } from './session.js';
import { ObjectReadStream, ObjectWriteStream, addPieces } from './streams.js';
import { Upkeep } from './upkeep.js';
import { batches, bufferOf, bytesOf, checkId, digestsOf, idsOf, infoOf, integer, listOf, numbers } from './values.js';

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

  get id() {
    return this.#session.call((container) => container.id());
  }

  get config() {
    const { packTarget, compressionLevel, shared } = this.#session.call((container) => container.config());
    return { packTarget: Number(packTarget), compressionLevel, shared: shared === 'group' };
  }

  get durable() {
    return this.#session.call((container) => container.durability()) === 'full';
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
    return this.#session.call((container) => container.add(bytes));
  }

  addMany(contents) {
    const ids = [];
    for (const batch of batches(contents)) {
      for (const id of idsOf(this.#session.call((container) => container.addMany(batch)))) {
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
      ids.push(...this.#session.addFiles(some, (container, streams) => container.addStreams(streams)));
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
      return bufferOf(this.#session.call((container) => container.get(id)));
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
    const directory = this.#session.grant(folder);
    return Number(this.#session.call((container) => container.getToFile(id, directory, name), pathOf(path)));
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
    const found = this.#session.call((container) => container.contains(digests));
    return one ? found[0] : found;
  }

  info(id) {
    checkId(id);
    return infoOf(id, this.#session.call((container) => container.info(id)));
  }

  infoMany(ids) {
    const asked = listOf(ids);
    const digests = digestsOf(asked);
    const found = this.#session.call((container) => container.infoMany(digests));
    return found.map((info, index) => info && infoOf(asked[index], info));
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
      const page = idsOf(this.#session.call((container) => container.objects(last, PAGE)));
      if (page.length === 0) {
        return;
      }
      last = page.at(-1);
      yield page;
    }
  }

  stats() {
    return numbers(this.#session.call((container) => container.stats()));
  }

  packs() {
    return this.#session.call((container, { maintenance }) => maintenance.packs(container)).map(numbers);
  }
}

/** Opens the container in a directory. */
export function open(directory, options = {}) {
  const handle = openOptions(options);
  const how = options.damaged ? 'openDamaged' : 'open';
  const start = (Container, dir) => Container[how](dir, handle);
  return new Container(new Session(pathOf(directory), start));
}

/** Makes a container in a new or an empty directory, and opens it. */
export function create(directory, options = {}) {
  const { packTarget = 4 * 2 ** 30, compressionLevel = 1 } = options;
  integer('packTarget', packTarget, 1, Number.MAX_SAFE_INTEGER);
  integer('compressionLevel', compressionLevel, 1, 9);
  const config = { packTarget: BigInt(packTarget), compressionLevel, shared: 'umask' };
  const path = pathOf(directory);
  makeFolder(path);
  const handle = openOptions({ ...options, readOnly: false });
  return new Container(new Session(path, (Container, dir) => Container.create(dir, config, handle)));
}

/** Makes a container in a new or an empty directory from a backup, and opens it. */
export async function restore(backup, directory, options = {}) {
  const source = open(backup, { readOnly: true });
  try {
    await source.copyTo(directory).finish();
  } finally {
    source.close();
  }
  return open(directory, options);
}

function makeFolder(path) {
  fs.mkdirSync(path, { recursive: true });
}
