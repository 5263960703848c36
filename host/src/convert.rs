//! Types of the contract <-> types of the crate `loosepack`.

use loosepack::{
    Access, Code, Compression, Config, Content, Damage, Durability, IoFailure, Location, ObjectId, ObjectInfo, Options,
    Part, Placement, Progress, Stats,
};
use wasmtime_wasi::p2::bindings::sync::filesystem::types::ErrorCode;

use crate::bindings::exports::loosepack::store::{container, packing, types as wit};
use crate::error::{Error, Result};

/// An answer of the component: the runtime's result around the store's.
pub(crate) fn answer<T>(answer: wasmtime::Result<Result<T, wit::Error>>) -> Result<T> {
    answer?.map_err(|error| match store_error(error) {
        Ok(error) => Error::Store(error),
        Err(error) => error,
    })
}

/// An id that the component gave.
pub(crate) fn id(text: &str) -> Result<ObjectId> {
    Ok(text.parse()?)
}

/// What the component says went wrong. Fails when an id in it is none.
pub(crate) fn store_error(error: wit::Error) -> Result<loosepack::Error> {
    use loosepack::Error as Store;
    Ok(match error {
        wit::Error::NotFound(text) => Store::NotFound(id(&text)?),
        wit::Error::InvalidId(text) => Store::InvalidId(text),
        wit::Error::InvalidArgument(text) => Store::InvalidArgument(text),
        wit::Error::NoContainer => Store::NoContainer,
        wit::Error::AlreadyExists(text) => Store::AlreadyExists(text),
        wit::Error::UnsupportedFormat(found) => Store::UnsupportedFormat(found),
        wit::Error::ReadOnly => Store::ReadOnly,
        wit::Error::Locked(text) => Store::Locked(text),
        wit::Error::Corrupt(damage) => Store::Corrupt(self::damage(damage)),
        wit::Error::SourceChanged(path) => Store::SourceChanged(path),
        wit::Error::TooLarge(size) => Store::TooLarge(size),
        wit::Error::WriterFailed => Store::WriterFailed,
        wit::Error::Io(wit::IoFailure { operation, path, code }) => {
            Store::Io(IoFailure { operation: operation.into(), path, code: self::code(code) })
        }
        wit::Error::Other(text) => Store::Other(text),
    })
}

fn damage(wit::Damage { file, problem }: wit::Damage) -> Damage {
    Damage { file, problem }
}

pub(crate) fn open_options(options: &Options) -> wit::OpenOptions {
    wit::OpenOptions {
        access: match options.access {
            Access::ReadOnly => wit::Access::ReadOnly,
            Access::ReadWrite => wit::Access::ReadWrite,
        },
        durability: match options.durability {
            Durability::Full => wit::Durability::Full,
            Durability::None => wit::Durability::None,
        },
        verify: options.verify,
        holder: options.holder.clone(),
    }
}

pub(crate) fn config(config: Config) -> wit::Config {
    wit::Config { pack_target: config.pack_target, compression_level: config.compression_level }
}

pub(crate) fn compression(compression: Compression) -> wit::Compression {
    match compression {
        Compression::Never => wit::Compression::Never,
        Compression::Always => wit::Compression::Always,
        Compression::Auto => wit::Compression::Auto,
    }
}

pub(crate) fn object_info(info: &wit::ObjectInfo) -> Result<ObjectInfo> {
    let placement = match info.placement {
        wit::Placement::Loose => Placement::Loose,
        wit::Placement::Packed(wit::PackLocation { pack, offset, length, compressed: _ }) => {
            Placement::Packed(Location { pack, offset, length, size: info.size })
        }
    };
    Ok(ObjectInfo { id: id(&info.id)?, size: info.size, placement })
}

pub(crate) fn stats(stats: wit::Stats) -> Stats {
    Stats {
        packed_objects: stats.packed_objects,
        packed_size: stats.packed_size,
        packed_length: stats.packed_length,
        loose_objects: stats.loose_objects,
        loose_size: stats.loose_size,
        packs: stats.packs,
        packs_size: stats.packs_size,
        unfinished: stats.unfinished,
        unfinished_size: stats.unfinished_size,
    }
}

pub(crate) fn content(content: container::Content) -> Result<Content> {
    Ok(match content {
        container::Content::Bytes(bytes) => Content::Bytes(bytes),
        container::Content::TooLarge(size) => Content::TooLarge(size),
        container::Content::Missing => Content::Missing,
        container::Content::Failed(error) => Content::Failed(store_error(error)?),
    })
}

pub(crate) fn part(Part { from, shards, shard }: Part) -> packing::Part {
    packing::Part { from, shards, shard }
}

pub(crate) fn progress(progress: packing::Progress) -> Progress {
    Progress {
        finished: progress.finished,
        done: progress.done,
        total: progress.total,
        objects: progress.objects,
        bytes: progress.bytes,
        problems: progress.problems.into_iter().map(damage).collect(),
        notes: progress.notes.into_iter().map(damage).collect(),
        unread: progress.unread.into_iter().map(damage).collect(),
    }
}

/// The reasons that the store tells apart.
fn code(code: ErrorCode) -> Code {
    match code {
        ErrorCode::NoEntry => Code::NotFound,
        ErrorCode::Exist => Code::Exists,
        ErrorCode::Access => Code::Access,
        ErrorCode::NotPermitted => Code::NotPermitted,
        ErrorCode::ReadOnly => Code::ReadOnly,
        ErrorCode::InsufficientSpace => Code::NoSpace,
        ErrorCode::Quota => Code::Quota,
        ErrorCode::FileTooLarge => Code::FileTooLarge,
        ErrorCode::Io => Code::Io,
        ErrorCode::Interrupted => Code::Interrupted,
        ErrorCode::IsDirectory => Code::IsDirectory,
        ErrorCode::NotDirectory => Code::NotDirectory,
        ErrorCode::NotEmpty => Code::NotEmpty,
        ErrorCode::NameTooLong => Code::NameTooLong,
        ErrorCode::IllegalByteSequence => Code::IllegalName,
        ErrorCode::Loop => Code::Loop,
        ErrorCode::Busy => Code::Busy,
        ErrorCode::WouldBlock => Code::WouldBlock,
        ErrorCode::InsufficientMemory => Code::TooManyFiles,
        ErrorCode::Unsupported => Code::Unsupported,
        ErrorCode::Invalid => Code::Invalid,
        _ => Code::Other,
    }
}
