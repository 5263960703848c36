// The long operations of a container.

import fs from 'node:fs';

import { Job } from './jobs.js';
import { pathOf } from './session.js';
import { compressionOf, digestsOf, integer, listOf, nanoseconds } from './values.js';

/** What keeps a container in order. Each operation is a job. */
export class Upkeep {
  #session;

  constructor(session) {
    this.#session = session;
  }

  pack({ compression = 'auto', clean = false } = {}) {
    compressionOf(compression);
    return this.#job((container, { maintenance: { packLoose, packAndClean } }) =>
      (clean ? packAndClean : packLoose)(container, compression),
    );
  }

  clean() {
    return this.#job((container, { maintenance }) => maintenance.clean(container));
  }

  delete(ids) {
    const digests = digestsOf(listOf(ids));
    return this.#job((container, { maintenance }) => maintenance.delete(container, digests));
  }

  gc(keep, { grace = 0, dryRun = false } = {}) {
    const digests = digestsOf(listOf(keep));
    const options = { grace: nanoseconds(grace), dryRun: Boolean(dryRun) };
    return this.#job((container, { maintenance: { KeepList, gc } }) => {
      const list = new KeepList();
      list.add(digests);
      return gc(container, list, options);
    });
  }

  repack({ minDead, compression, level, dryRun = false } = {}) {
    const options = {
      minDead: minDead === undefined ? undefined : integer('minDead', minDead, 0, 100),
      compression: compression === undefined ? undefined : compressionOf(compression),
      level: level === undefined ? undefined : integer('level', level, 1, 9),
      dryRun: Boolean(dryRun),
    };
    return this.#job((container, { maintenance }) => maintenance.repack(container, options));
  }

  verify({ completed = 0, shard = 0, shards = 1 } = {}) {
    const most = 2 ** 32 - 1;
    const part = {
      completed: BigInt(integer('completed', completed, 0, Number.MAX_SAFE_INTEGER)),
      shards: integer('shards', shards, 1, most),
      shard: integer('shard', shard, 0, shards - 1),
    };
    return this.#job((container, { maintenance }) => maintenance.verify(container, part));
  }

  reindex() {
    return this.#job((container, { maintenance }) => maintenance.reindex(container));
  }

  importFrom(directory, ids) {
    const path = pathOf(directory);
    const digests = ids === undefined ? undefined : digestsOf(listOf(ids));
    return this.#job((container, { transfer }, keep) =>
      transfer.importObjects(container, keep(this.#session.openOther(path)), digests),
    );
  }

  repair(directory) {
    const path = pathOf(directory);
    return this.#job((container, { transfer }, keep) =>
      transfer.repair(container, keep(this.#session.openOther(path))),
    );
  }

  backup(directory, { link = false } = {}) {
    return this.#copy(directory, { link: Boolean(link), restore: false });
  }

  copyTo(directory) {
    return this.#copy(directory, { link: false, restore: true });
  }

  unlock() {
    return this.#session.call((container, { maintenance }) => maintenance.forceUnlock(container));
  }

  #copy(directory, options) {
    const path = pathOf(directory);
    return this.#job((container, { transfer }) => {
      fs.mkdirSync(path, { recursive: true });
      return transfer.backup(container, this.#session.grant(path), options);
    });
  }

  #job(start) {
    return new Job(this.#session, start);
  }
}
