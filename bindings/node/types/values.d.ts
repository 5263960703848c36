/** Bytes: a `Buffer`, another view, or an `ArrayBuffer`. A `string` is refused: `Buffer.from(text)` encodes it. */
export type Bytes = NodeJS.ArrayBufferView | ArrayBuffer;

/** When to compress: never, always, or when a sample of the object shrinks by at least a tenth. */
export type Compression = 'never' | 'always' | 'auto';

/**
 * What runs the sandbox: the native host, which is an addon for Node, or the portable component, which runs wherever Node
 * does. Containers are the same, and so are the calls.
 */
export type Engine = 'addon' | 'component';

export interface HandleOptions {
  /**
   * What runs the sandbox. Unless given, it is what the environment variable `LOOSEPACK_ENGINE` names; else the addon, and
   * where there is none that loads, the component. An addon that is asked for and does not load is an error.
   */
  engine?: Engine;
  /**
   * Acknowledge only what is on the device, as far as the system can flush; `true` unless given. Without it nothing is
   * flushed: faster, but a power failure may lose recent writes.
   */
  durable?: boolean;
  /** Check every object that is read from start to end against its ID; `true` unless given. */
  verify?: boolean;
}

export interface OpenOptions extends HandleOptions {
  /** Refuse to write. A read-only medium is enough in any case. */
  readOnly?: boolean;
  /** Open it although its index may be damaged or gone, to `verify` or `reindex` it. */
  damaged?: boolean;
}

export interface CreateOptions extends HandleOptions {
  /** A pack that has reached this many bytes takes no further object; 4 GiB unless given. */
  packTarget?: number;
  /** zlib level of what is compressed, 1 (fast, unless given) to 9 (small). */
  compressionLevel?: number;
}

export interface ReadStreamOptions {
  /** The first byte; 0 unless given. */
  start?: number;
  /** The last byte, itself included, as of `fs.createReadStream`; `start - 1` is an empty range. */
  end?: number;
  /** Bytes that are read at a time; 64 KiB unless given, 1 MiB at most. */
  highWaterMark?: number;
  signal?: AbortSignal;
}

export interface WriteStreamOptions {
  /** Bytes that are buffered; 64 KiB unless given. */
  highWaterMark?: number;
  signal?: AbortSignal;
}

export interface ReadManyOptions {
  /** Leave out IDs without an object, in place of a {@link NotFoundError}. */
  skipMissing?: boolean;
  /** Called for each object that is absent or cannot be read; the iteration goes on. Unless given, it throws. */
  onError?: (error: Error, id: string) => void;
}

/** Settings of a container, fixed when it was created. */
export interface Config {
  packTarget: number;
  compressionLevel: number;
  /** Its directory's group may read and write everything, whatever the umask. */
  shared: boolean;
}

/** Size and place of an object. */
export type ObjectInfo = LooseInfo | PackedInfo;

export interface LooseInfo {
  id: string;
  /** In bytes. */
  size: number;
  /** A file of its own. */
  placement: 'loose';
}

export interface PackedInfo {
  id: string;
  /** In bytes. */
  size: number;
  /** A record of a pack. */
  placement: 'packed';
  /** The number of the pack: the name of its file in `packs/`. */
  pack: number;
  /** Where the payload starts, in bytes from the start of the pack. */
  offset: number;
  /** Bytes of the payload. */
  length: number;
  /** The payload is a zlib stream. */
  compressed: boolean;
}

/** Counts, and sizes in bytes. */
export interface Stats {
  packedObjects: number;
  packedSize: number;
  /** Bytes that the payloads take in the packs. */
  packedLength: number;
  /** One that is packed as well counts in both until `clean` removes the loose file. */
  looseObjects: number;
  looseSize: number;
  /** Loose objects that are packed as well. */
  loosePacked: number;
  packs: number;
  packsSize: number;
  /** About how many of these are dead: `repack` frees them. */
  packsDead: number;
  indexSize: number;
  /** Files that are being written, or were left by a writer that was killed. */
  unfinished: number;
  unfinishedSize: number;
}

/** A pack, and how much of it is in use. */
export interface PackInfo {
  number: number;
  /** Its bytes; 0 when the file is missing. */
  size: number;
  /** Objects that the index has in it. */
  objects: number;
  /** Bytes of their records. The others are dead. */
  live: number;
}

/** Something found out about a file of a container. */
export interface Finding {
  /** Relative to the container, with a line or a position where there is one. */
  file: string;
  message: string;
}

/** How far a job is. Numbers are totals since its start; the unit of work is the job's own. */
export interface Progress {
  finished: boolean;
  done: number;
  total: number;
  /** Objects packed, removed, deleted, copied or checked. */
  objects: number;
  bytes: number;
  /** Damage found in this step. What is damaged was left where it is. */
  problems: Finding[];
  /** Found in this step, and no damage. */
  notes: Finding[];
  /** Files that could not be examined in this step. */
  unread: Finding[];
}

/** What a job has done and found. */
export interface Report {
  objects: number;
  bytes: number;
  problems: Finding[];
  notes: Finding[];
  unread: Finding[];
  /** Nothing is damaged, and everything was examined. */
  ok: boolean;
}
