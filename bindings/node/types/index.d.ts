/// <reference types="node" />
/**
 * loosepack: a content-addressed object store. Bytes go in, their SHA-256 comes out.
 *
 * An ID is the SHA-256 of the object's bytes as 64 lowercase hex digits. Calls that do not return a promise, a stream
 * or a job are done when they return, as those of `fs` with `Sync` in their names.
 */
import { Readable, Writable } from 'node:stream';
import type {
  Bytes,
  Compression,
  Config,
  CreateOptions,
  Engine,
  ObjectInfo,
  OpenOptions,
  PackInfo,
  Progress,
  ReadManyOptions,
  ReadStreamOptions,
  Report,
  Stats,
  WriteStreamOptions,
} from './values.js';

export * from './errors.js';
export type * from './values.js';

/**
 * Open the container in a directory. Writes nothing.
 *
 * @throws {NoContainerError} when there is none
 */
export function open(directory: string | URL, options?: OpenOptions): Container;

/**
 * Make a container in a new or an empty directory, and open it.
 *
 * @throws {AlreadyExistsError} when the directory holds anything
 */
export function create(directory: string | URL, options?: CreateOptions): Container;

/** Make a container in a new or an empty directory from a backup, and open it. */
export function restore(backup: string | URL, directory: string | URL, options?: OpenOptions): Promise<Container>;

/**
 * A container: a directory that holds objects. {@link open} and {@link create} give it.
 *
 * Any number of containers may be open in a process, and any number of processes may have a container open. Each has a
 * sandbox of its own, which is given its directory and nothing else.
 *
 * Iterating gives the IDs of all objects, sorted. `for await` lets other work go on between pages of them.
 */
export class Container {
  private constructor();

  /** Its directory, absolute. */
  readonly path: string;
  /** Its own identifier: 32 hex digits, made when it was created. */
  readonly id: string;
  /** The settings it was created with. */
  readonly config: Config;
  /** Whether what is acknowledged is on the device. `false` also where the system cannot flush. */
  readonly durable: boolean;
  readonly closed: boolean;
  /** What runs its sandbox. */
  readonly engine: Engine;

  /** Close it, with the streams, writers and jobs that are open: unfinished objects and packs are given up. */
  close(): void;
  [Symbol.dispose](): void;

  /**
   * Store bytes as a loose object, and return its ID. It is durable then. Many are stored faster by {@link addMany}.
   */
  add(content: Bytes): string;
  /** Store what a stream, or another iterable of pieces, gives, in constant memory. */
  add(content: AsyncIterable<Bytes>): Promise<string>;
  /** Store many as loose objects, durable together, 20,000 or 16 MiB at a time: far cheaper than one by one. */
  addMany(contents: Iterable<Bytes>): string[];
  /**
   * Store a file, in constant memory. A link is followed.
   *
   * @throws {StorageError} when it cannot be read
   * @throws {SourceChangedError} when it changed meanwhile
   */
  addFile(path: string | URL): string;
  /** Store files, durable together, 2000 at a time. When one cannot be read it throws, and others may be stored. */
  addFiles(paths: Iterable<string | URL>): string[];
  /** Start writing a loose object. It exists when the stream has finished; one that is destroyed leaves none. */
  createWriteStream(options?: WriteStreamOptions): ObjectWriteStream;
  /**
   * Take the pack lock, and start writing straight to packs: the fastest way to add.
   *
   * @throws {LockedError} when the lock is taken
   */
  packWriter(options?: { compression?: Compression }): PackWriter;

  /**
   * The bytes of an object. Many are read ten times faster by {@link readMany}.
   *
   * @throws {NotFoundError} when there is none
   * @throws {CorruptError} when it does not match its ID
   */
  get(id: string): Buffer;
  /** Write the bytes of an object to a file, and return their number. The file appears when it is complete. */
  getToFile(id: string, path: string | URL): number;
  /**
   * Read many objects in the order that is fastest: pairs of ID and bytes, each ID once. This is the fast way to read.
   * `for await` lets other work go on after each MiB; `for` is faster still.
   */
  readMany(ids: Iterable<string>, options?: ReadManyOptions): ManyReader;
  /** Read an object, or a range of it, as a stream. A stream that fails, or ends early, has the event `error`. */
  createReadStream(id: string, options?: ReadStreamOptions): ObjectReadStream;

  /** Whether there is such an object. */
  has(id: string): boolean;
  /** Which of these objects there are, in order. */
  has(ids: Iterable<string>): boolean[];
  /**
   * Size and place of an object.
   *
   * @throws {NotFoundError} when there is none
   */
  info(id: string): ObjectInfo;
  /** Size and place of many, in order; `undefined` for one that does not exist. */
  infoMany(ids: Iterable<string>): Array<ObjectInfo | undefined>;
  [Symbol.iterator](): Generator<string, void, undefined>;
  [Symbol.asyncIterator](): AsyncGenerator<string, void, undefined>;
  /** Counts and sizes. Walks the loose objects. */
  stats(): Stats;
  /** All packs, by number. Reads the whole index. */
  packs(): PackInfo[];

  /** Move loose objects into packs. The loose files stay until {@link clean}, unless `clean` removes them at once. */
  pack(options?: { compression?: Compression; clean?: boolean }): Job;
  /** Remove the loose files of packed objects, and what crashed writers left behind. */
  clean(): Job;
  /** Delete objects, loose or packed. IDs without an object are not counted. */
  delete(ids: Iterable<string>): Job;
  /**
   * Delete all objects but these, which need not exist. What is added meanwhile is spared, and so are loose objects
   * for `grace` milliseconds after they were written, 2000 at least. With `dryRun` it only counts.
   */
  gc(keep: Iterable<string>, options?: { grace?: number; dryRun?: boolean }): Job;
  /**
   * Free the dead bytes of packs, and merge small packs.
   *
   * `minDead`: the percentage of a pack that has to be dead; 25, or 0 with `compression`. `compression` and `level`
   * (1 to 9): compress anew what is moved. With `dryRun` it only finds out what there is to do.
   */
  repack(options?: { minDead?: number; compression?: Compression; level?: number; dryRun?: boolean }): Job;
  /**
   * Read and check everything. Damage is in the report's `problems`.
   *
   * `completed`: the last `done` of a job that was stopped, to resume after. `shard` of `shards`: this job's part.
   */
  verify(options?: { completed?: number; shard?: number; shards?: number }): Job;
  /** Rebuild the index from the packs. When the index does not open, open the container with `damaged`. */
  reindex(): Job;
  /** Merge the index into one file, as mirrors and object storage want it. The objects counted are all packed ones. */
  fold(): Job;
  /** Copy objects from the container in another directory, which is only read: these, or all. */
  importFrom(directory: string | URL, ids?: Iterable<string>): Job;
  /** Mend damaged objects with those of the container in another directory, which is only read. */
  repair(directory: string | URL): Job;
  /**
   * Make a directory a backup of this container: a new or an empty one, or an earlier backup of the same container,
   * which is completed. With `link`, full packs get a second name instead of being copied, where the file system can.
   */
  backup(directory: string | URL, options?: { link?: boolean }): Job;
  /** Make a new or an empty directory a container of its own with the same objects. */
  copyTo(directory: string | URL): Job;
  /**
   * Remove the lock file that a killed packer left behind, and return what it said. Only for a person who knows that
   * nothing is packing.
   */
  unlock(): string | undefined;
}

/** What {@link Container.readMany} gives. Each iteration reads anew; one that is left early gives its files back. */
export interface ManyReader extends Iterable<[string, Buffer]>, AsyncIterable<[string, Buffer]> {}

/**
 * Writes objects straight to packs, and has the pack lock meanwhile. The objects become visible and durable together,
 * at {@link commit}, at {@link finish}, and whenever a bounded number of them has gathered.
 */
export class PackWriter {
  private constructor();
  /** Append an object, and return its ID. */
  add(content: Bytes): string;
  /** Append many. */
  addMany(contents: Iterable<Bytes>): string[];
  /** Append a file. A link is followed. */
  addFile(path: string | URL): string;
  /** Append files. */
  addFiles(paths: Iterable<string | URL>): string[];
  /** Make everything added so far visible and durable. */
  commit(): void;
  /** Commit, and free the pack lock. */
  finish(): void;
  /** Free the pack lock. What was added since the last commit is given up. */
  [Symbol.dispose](): void;
}

/**
 * A long operation. It starts when it is iterated or finished, so that failures such as a {@link LockedError} come from
 * there. Other work goes on between its steps. Leaving the iteration stops it; what its steps have committed stays.
 */
export class Job {
  private constructor();
  [Symbol.asyncIterator](): AsyncGenerator<Progress, void, undefined>;
  /** Do all that is left, and return what was done and found. */
  finish(): Promise<Report>;
  /** Stop it, and free the pack lock. */
  stop(): void;
  [Symbol.dispose](): void;
}

/**
 * The bytes of an object, or of a range of it. A stream that starts at 0 and goes to the end gives out the last bytes
 * only if the whole matches the ID; the bytes of a range are not checked against it, and `verify` checks them.
 */
export class ObjectReadStream extends Readable {
  private constructor();
  readonly id: string;
  /** The object's size in bytes, known from the event `open` on. */
  readonly size: number | undefined;
}

/** A loose object that is being written. */
export class ObjectWriteStream extends Writable {
  private constructor();
  /** The object's ID, from the event `finish` on: it is durable then. */
  readonly id: string | undefined;
  readonly bytesWritten: number;
}
