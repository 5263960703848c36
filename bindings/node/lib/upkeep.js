// The long operations of a container.

import fs from 'node:fs';

import { Job } from './jobs.js';
import { pathOf } from './session.js';
import { checkTime, compressionOf, digestsOf, integer, listOf } from './values.js';

/** What keeps a container in order. Each operation is a job. */
export class Upkeep {
  #session;

  constructor(session) {
    this.#session = session;
  }

  pack({ compression = 'auto', clean = false } = {}) {
    compressionOf(compression);
    return this.#job((handle) => handle.pack(compression, Boolean(clean)));
  }

  clean() {
    return this.#job((handle) => handle.clean());
  }

  delete(ids) {
    const digests = digestsOf(listOf(ids));
    return this.#job((handle) => handle.delete(digests));
  }

  gc(keep, { grace = 0, dryRun = false } = {}) {
    const digests = digestsOf(listOf(keep));
    checkTime(grace);
    return this.#job((handle) => handle.gc(digests, grace, Boolean(dryRun)));
  }

  repack({ minDead, compression, level, dryRun = false } = {}) {
    const options = {
      minDead: minDead === undefined ? undefined : integer('minDead', minDead, 0, 100),
      compression: compression === undefined ? undefined : compressionOf(compression),
      level: level === undefined ? undefined : integer('level', level, 1, 9),
      dryRun: Boolean(dryRun),
    };
    return this.#job((handle) => handle.repack(options));
  }

  verify({ completed = 0, shard = 0, shards = 1 } = {}) {
    const most = 2 ** 32 - 1;
    const part = {
      completed: integer('completed', completed, 0, Number.MAX_SAFE_INTEGER),
      shards: integer('shards', shards, 1, most),
      shard: integer('shard', shard, 0, shards - 1),
    };
    return this.#job((handle) => handle.verify(part));
  }

  reindex() {
    return this.#job((handle) => handle.reindex());
  }

  fold() {
    return this.#job((handle) => handle.fold());
  }

  importFrom(directory, ids) {
    const path = pathOf(directory);
    const digests = ids === undefined ? undefined : digestsOf(listOf(ids));
    return this.#job((handle) => handle.importFrom(path, digests), path);
  }

  repair(directory) {
    const path = pathOf(directory);
    return this.#job((handle) => handle.repair(path), path);
  }

  backup(directory, { link = false } = {}) {
    return this.#copy(directory, Boolean(link), false);
  }

  copyTo(directory) {
    return this.#copy(directory, false, true);
  }

  unlock() {
    return this.#session.call((handle) => handle.unlock()) ?? undefined;
  }

  #copy(directory, link, restore) {
    const path = pathOf(directory);
    return this.#job((handle) => {
      fs.mkdirSync(path, { recursive: true });
      return handle.backup(path, link, restore);
    }, path);
  }

  #job(start, source) {
    return new Job(this.#session, start, source);
  }
}
