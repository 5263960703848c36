/**
 * A failure of a container. Wrong arguments are a `TypeError` or a `RangeError` of JavaScript instead, but for
 * {@link InvalidIdError}.
 */
export class LoosepackError extends Error {
  /** The reason, for programs: one word for each class, and `other`, `stopped` and `no-addon` for this one. */
  readonly code: string;
  /**
   * The file it is about, if any: relative to the container, perhaps with a line or a position; of a file outside
   * of it, the absolute path.
   */
  readonly file?: string;
}

/** There is no such object. Certain: the index was reread before. Code `not-found`. */
export class NotFoundError extends LoosepackError {
  readonly id: string;
}

/** Not an object ID: 64 lowercase hex digits are. The disk was not touched. Code `invalid-id`. */
export class InvalidIdError extends LoosepackError {
  readonly id: string;
}

/** An argument that the store refuses. Code `invalid-argument`. */
export class InvalidArgumentError extends LoosepackError {}

/** The directory holds no container. Code `no-container`. */
export class NoContainerError extends LoosepackError {}

/** A container, or something else, is in the directory already. Code `already-exists`. */
export class AlreadyExistsError extends LoosepackError {}

/** The container was made by a later version. Code `unsupported-format`. */
export class UnsupportedFormatError extends LoosepackError {
  readonly format: number;
}

/** The container was opened with `readOnly`. Code `read-only`. */
export class ReadOnlyError extends LoosepackError {}

/** Another packer is at work, or left its lock file behind; the message says whose it is. Code `locked`. */
export class LockedError extends LoosepackError {}

/** Stored data is damaged: `file` has it. Code `corrupt`. */
export class CorruptError extends LoosepackError {
  readonly file: string;
}

/** A file changed while it was read. Nothing was stored of it. Code `source-changed`. */
export class SourceChangedError extends LoosepackError {
  readonly file: string;
}

/** The object does not fit into memory: read it as a stream or to a file. Code `too-large`. */
export class TooLargeError extends LoosepackError {
  readonly size: number;
}

/** An earlier write failed, so that this handle writes no more: open the container again. Code `writer-failed`. */
export class WriterFailedError extends LoosepackError {}

/** The file system refused an operation. Code `io`. */
export class StorageError extends LoosepackError {
  readonly file: string;
  /** What failed: `open`, `write`, `sync`, ... */
  readonly operation: string;
  /** Why: `no-entry`, `access`, `insufficient-space` and the other codes of `wasi:filesystem`. */
  readonly reason: string;
}

/** The container, or the pack writer, is closed. Code `closed`. */
export class ClosedError extends LoosepackError {}

/**
 * The sandbox was stopped, by lack of memory for example. What was acknowledged is safe, other containers are not
 * affected, and this one has to be opened again. Code `trap`.
 */
export class TrapError extends LoosepackError {}
