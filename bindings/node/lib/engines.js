// The two engines that run the store, and which of them a container gets.
//
// An engine has `name` and the functions
//
//   open(directory, options)            opens the container in a directory, and returns its handle
//   create(directory, config, options)  makes one in an empty directory, which exists
//   failure(error)                      returns, for what a call threw, a case of the contract's `error`, or `trap` or
//                                       `closed`; undefined for what is no failure of the store
//
// A handle has the methods
//
//   id, config, durable, stats, packs, unlock, close
//   add, addMany, addFiles, writer, packWriter
//   get, getToFile, reader, readMany, contains, info, infoMany, objects
//   pack, clean, delete, gc, repack, verify, reindex, fold, importFrom, repair, backup: each starts a job
//
// and gives resources, each with [Symbol.dispose], which does nothing when the resource was finished or its container
// closed:
//
//   writer:     write, finish
//   packWriter: add, addMany, addFiles, commit, finish
//   reader:     size, read, seek
//   readMany:   next
//   a job:      step
//
// Calls are synchronous. An ID is a string, many are the digests one after the other; contents are Uint8Arrays; numbers
// are numbers; null and undefined are the same in what an engine gives. Files are given as [directory, names] pairs,
// with the results in that order, as the contract's `result`. Arguments were checked before: with others an engine may
// do anything but crash.

import { addon } from './addon.js';
import { component } from './component.js';
import { LoosepackError } from './errors.js';
import { choice } from './values.js';

const NAMES = ['addon', 'component'];

/** The environment variable that chooses for containers that are opened without the option `engine`. */
const VARIABLE = 'LOOSEPACK_ENGINE';

/** The engine of this name; else the one that the environment names; else the addon if there is one that loads. */
export function engineOf(name) {
  const given = process.env[VARIABLE];
  const wanted =
    name !== undefined ? choice('engine', name, NAMES) : given ? choice(VARIABLE, given, NAMES) : undefined;
  if (wanted === 'component') {
    return component;
  }
  const { engine, reason } = addon();
  if (engine !== undefined) {
    return engine;
  }
  if (wanted === undefined) {
    return component;
  }
  const remedy = "use the engine 'component', or leave the choice to the package";
  throw new LoosepackError('no-addon', `the engine 'addon' is not available: ${reason}\n${remedy}`);
}
