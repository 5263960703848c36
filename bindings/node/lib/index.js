// loosepack: a content-addressed object store. types/index.d.ts documents all of it.

export { Container, create, open, restore } from './container.js';
export {
  AlreadyExistsError,
  ClosedError,
  CorruptError,
  InvalidArgumentError,
  InvalidIdError,
  LockedError,
  LoosepackError,
  NoContainerError,
  NotFoundError,
  ReadOnlyError,
  SourceChangedError,
  StorageError,
  TooLargeError,
  TrapError,
  UnsupportedFormatError,
  WriterFailedError,
} from './errors.js';
export { Job } from './jobs.js';
export { PackWriter } from './packs.js';
export { ObjectReadStream, ObjectWriteStream } from './streams.js';
