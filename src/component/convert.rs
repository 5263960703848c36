//! Types of the contract <-> types of the store.

use alloc::format;
use alloc::vec::Vec;

use super::wit::store_types as wit;
use crate::bindings::wasi::filesystem::types::ErrorCode;
use crate::{
    Access, Code, Compression, Config, Durability, Error, Finding, InvalidId, IoFailure, ObjectId, ObjectInfo, Options,
    Placement, Sharing, Stats,
};

/// A result of an exported function.
pub(super) type Result<T> = core::result::Result<T, wit::Error>;

/// An id that a caller gave.
pub(super) fn id(text: &str) -> Result<ObjectId> {
    text.parse().map_err(|InvalidId(text)| wit::Error::InvalidId(text))
}

/// Ids that a caller gave.
pub(super) fn ids(bytes: &[u8]) -> Result<Vec<ObjectId>> {
    ObjectId::many_from_bytes(bytes).ok_or_else(|| {
        let problem = format!("IDs have {} bytes each, but {} bytes were given", ObjectId::LEN, bytes.len());
        Error::InvalidArgument(problem).into()
    })
}

/// Ids for a caller.
pub(super) fn bytes(ids: &[ObjectId]) -> Vec<u8> {
    ObjectId::many_to_bytes(ids)
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(id) => wit::Error::NotFound(id.to_text()),
            Error::InvalidId(text) => wit::Error::InvalidId(text),
            Error::InvalidArgument(text) => wit::Error::InvalidArgument(text),
            Error::NoContainer => wit::Error::NoContainer,
            Error::AlreadyExists(text) => wit::Error::AlreadyExists(text),
            Error::UnsupportedFormat(found) => wit::Error::UnsupportedFormat(found),
            Error::ReadOnly => wit::Error::ReadOnly,
            Error::Locked(text) => wit::Error::Locked(text),
            Error::Corrupt(damage) => wit::Error::Corrupt(damage.into()),
            Error::SourceChanged(path) => wit::Error::SourceChanged(path),
            Error::TooLarge(size) => wit::Error::TooLarge(size),
            Error::WriterFailed => wit::Error::WriterFailed,
            Error::Io(IoFailure { operation, path, code }) => {
                wit::Error::Io(wit::IoFailure { operation: operation.into(), path, code: error_code(code) })
            }
            Error::Other(text) => wit::Error::Other(text),
        }
    }
}

impl From<Finding> for wit::Finding {
    fn from(Finding { file, message }: Finding) -> Self {
        wit::Finding { file, message }
    }
}

impl From<wit::OpenOptions> for Options {
    fn from(options: wit::OpenOptions) -> Self {
        Options {
            access: match options.access {
                wit::Access::ReadOnly => Access::ReadOnly,
                wit::Access::ReadWrite => Access::ReadWrite,
            },
            durability: match options.durability {
                wit::Durability::Full => Durability::Full,
                wit::Durability::None => Durability::None,
            },
            verify: options.verify,
            holder: options.holder,
            ..Options::default()
        }
    }
}

impl From<Durability> for wit::Durability {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::Full => wit::Durability::Full,
            Durability::None => wit::Durability::None,
        }
    }
}

impl From<wit::Config> for Config {
    fn from(wit::Config { pack_target, compression_level, shared }: wit::Config) -> Self {
        let shared = match shared {
            wit::Sharing::Umask => Sharing::Umask,
            wit::Sharing::Group => Sharing::Group,
        };
        Config { pack_target, compression_level, shared }
    }
}

impl From<Config> for wit::Config {
    fn from(Config { pack_target, compression_level, shared }: Config) -> Self {
        let shared = match shared {
            Sharing::Umask => wit::Sharing::Umask,
            Sharing::Group => wit::Sharing::Group,
        };
        wit::Config { pack_target, compression_level, shared }
    }
}

impl From<wit::Compression> for Compression {
    fn from(compression: wit::Compression) -> Self {
        match compression {
            wit::Compression::Never => Compression::Never,
            wit::Compression::Always => Compression::Always,
            wit::Compression::Auto => Compression::Auto,
        }
    }
}

impl From<ObjectInfo> for wit::ObjectInfo {
    fn from(info: ObjectInfo) -> Self {
        let placement = match info.placement {
            Placement::Loose => wit::Placement::Loose,
            Placement::Packed(location) => wit::Placement::Packed(wit::PackLocation {
                pack: location.pack,
                offset: location.offset,
                length: location.length,
                compressed: location.compressed(),
            }),
        };
        wit::ObjectInfo { size: info.size, placement }
    }
}

impl From<Stats> for wit::Stats {
    fn from(stats: Stats) -> Self {
        wit::Stats {
            packed_objects: stats.packed_objects,
            packed_size: stats.packed_size,
            packed_length: stats.packed_length,
            loose_objects: stats.loose_objects,
            loose_size: stats.loose_size,
            loose_packed: stats.loose_packed,
            packs: stats.packs,
            packs_size: stats.packs_size,
            packs_dead: stats.packs_dead,
            index_size: stats.index_size,
            unfinished: stats.unfinished,
            unfinished_size: stats.unfinished_size,
        }
    }
}

/// The reason as WASI has it. `Other` stands for many, and becomes the one that says least.
fn error_code(code: Code) -> ErrorCode {
    match code {
        Code::NotFound => ErrorCode::NoEntry,
        Code::Exists => ErrorCode::Exist,
        Code::Access => ErrorCode::Access,
        Code::NotPermitted => ErrorCode::NotPermitted,
        Code::ReadOnly => ErrorCode::ReadOnly,
        Code::NoSpace => ErrorCode::InsufficientSpace,
        Code::Quota => ErrorCode::Quota,
        Code::FileTooLarge => ErrorCode::FileTooLarge,
        Code::Io | Code::Other => ErrorCode::Io,
        Code::Interrupted => ErrorCode::Interrupted,
        Code::IsDirectory => ErrorCode::IsDirectory,
        Code::NotDirectory => ErrorCode::NotDirectory,
        Code::NotEmpty => ErrorCode::NotEmpty,
        Code::NameTooLong => ErrorCode::NameTooLong,
        Code::IllegalName => ErrorCode::IllegalByteSequence,
        Code::Loop => ErrorCode::Loop,
        Code::Busy => ErrorCode::Busy,
        Code::WouldBlock => ErrorCode::WouldBlock,
        Code::TooManyFiles => ErrorCode::InsufficientMemory,
        Code::CrossDevice => ErrorCode::CrossDevice,
        Code::Stale => ErrorCode::NoSuchDevice,
        Code::Unsupported => ErrorCode::Unsupported,
        Code::Invalid => ErrorCode::Invalid,
    }
}
