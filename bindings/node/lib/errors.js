// The classes of errors, and how failures of the store become such errors.

/** A failure of a container. `code` is the case of the contract's `error`. */
export class LoosepackError extends Error {
  /** The reason, for programs. */
  code;
  /** The file that the failure is about, if any: relative to the container, or the path that was given. */
  file;

  constructor(code, message, details = {}) {
    super(message);
    this.code = code;
    Object.assign(this, details);
  }

  get name() {
    return this.constructor.name;
  }
}

export class NotFoundError extends LoosepackError {}
export class InvalidIdError extends LoosepackError {}
export class InvalidArgumentError extends LoosepackError {}
export class NoContainerError extends LoosepackError {}
export class AlreadyExistsError extends LoosepackError {}
export class UnsupportedFormatError extends LoosepackError {}
export class ReadOnlyError extends LoosepackError {}
export class LockedError extends LoosepackError {}
export class CorruptError extends LoosepackError {}
export class SourceChangedError extends LoosepackError {}
export class TooLargeError extends LoosepackError {}
export class WriterFailedError extends LoosepackError {}
export class StorageError extends LoosepackError {}
export class ClosedError extends LoosepackError {}
export class TrapError extends LoosepackError {}

const WRITER_FAILED = 'an earlier write failed, so this handle writes no more: open the container again';

/** For each case of the contract's `error`, the error it becomes. */
const CASES = {
  'not-found': (id) => new NotFoundError('not-found', `no object ${id}`, { id }),
  'invalid-id': (id) => invalidId(id),
  'invalid-argument': (text) => new InvalidArgumentError('invalid-argument', text),
  'no-container': (val, { source, path }) => {
    return new NoContainerError('no-container', `${source ?? path}: there is no container here`);
  },
  'already-exists': (text, { source, path }) => new AlreadyExistsError('already-exists', `${source ?? path}: ${text}`),
  'unsupported-format': (format) => {
    const message = `the container has format ${format}, which this version cannot read: use a later version`;
    return new UnsupportedFormatError('unsupported-format', message, { format: Number(format) });
  },
  'read-only': () => new ReadOnlyError('read-only', 'the container was opened for reading only'),
  locked: (text) => new LockedError('locked', text),
  corrupt: ({ file, message }) => new CorruptError('corrupt', `damaged: ${file}: ${message}`, { file }),
  'source-changed': (file, { source }) => {
    const shown = source ?? file;
    const message = `${shown} changed while it was read, and was not stored: add it again`;
    return new SourceChangedError('source-changed', message, { file: shown });
  },
  'too-large': (size) => {
    const message = `the object has ${size} bytes, too many for memory: read it as a stream or to a file`;
    return new TooLargeError('too-large', message, { size: Number(size) });
  },
  'writer-failed': () => new WriterFailedError('writer-failed', WRITER_FAILED),
  io: ({ operation, path: file, code }, { source, path }) => {
    const shown = source ?? (file === '.' ? path : file);
    return new StorageError('io', `cannot ${operation} ${shown}: ${code}`, { file: shown, operation, reason: code });
  },
  other: (text) => new LoosepackError('other', text),
  closed: (text) => new ClosedError('closed', text),
  trap: (text, context, cause) => {
    return new TrapError('trap', `the sandbox was stopped: ${text}; open the container again`, { cause });
  },
};

/** The error for a text that is no ID. */
export function invalidId(id) {
  const message = `invalid object ID ${JSON.stringify(id)}: expected 64 lowercase hex digits`;
  return new InvalidIdError('invalid-id', message, { id });
}

/**
 * The error for a case of the contract's `error`, and for `closed` and `trap`, which engines give.
 *
 * `context.path` is the container's directory, `context.source` the file or directory outside of it that the call is
 * about.
 */
export function fromPayload({ tag, val, cause }, context) {
  return (CASES[tag] ?? (() => new LoosepackError('other', `${tag}: ${val}`)))(val, context, cause);
}
