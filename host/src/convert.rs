//! Types of the contract <-> types of the crate `loosepack`.

use loosepack::store::{Block, Found};
use loosepack::{
    Access, Code, Compression, Config, Durability, Finding, IoFailure, Location, ObjectId, ObjectInfo, Options, Part,
    Placement, Progress, Sharing, Stats,
};
use wasmtime_wasi::p2::bindings::sync::filesystem::types::ErrorCode;

use crate::bindings::exports::loosepack::store::{container, maintenance, store_types as wit};
use crate::error::{Error, Result};

/// An answer of the component: the host's result around the store's.
pub(crate) fn answer<T>(answer: Result<Result<T, wit::Error>>) -> Result<T> {
    answer?.map_err(|error| match store_error(error) {
        Ok(error) => Error::Store(error),
        Err(error) => error,
    })
}

/// An id that the component gave.
pub(crate) fn id(text: &str) -> Result<ObjectId> {
    Ok(text.parse().map_err(loosepack::Error::from)?)
}

/// Ids that the component gave.
pub(crate) fn ids(bytes: &[u8]) -> Result<Vec<ObjectId>> {
    let ids = ObjectId::many_from_bytes(bytes);
    ids.ok_or_else(|| Error::Store(loosepack::Error::Other("the component returned a part of an ID".into())))
}

/// Converts an error of the component. Fails if an ID in it is invalid.
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
        wit::Error::Corrupt(finding) => Store::Corrupt(self::finding(finding)),
        wit::Error::SourceChanged(path) => Store::SourceChanged(path),
        wit::Error::TooLarge(size) => Store::TooLarge(size),
        wit::Error::WriterFailed => Store::WriterFailed,
        wit::Error::Io(wit::IoFailure { operation, path, code }) => {
            Store::Io(IoFailure { operation: operation.into(), path, code: self::code(code) })
        }
        wit::Error::Other(text) => Store::Other(text),
    })
}

fn finding(wit::Finding { file, message }: wit::Finding) -> Finding {
    Finding { file, message }
}

pub(crate) fn open_options(options: &Options) -> wit::OpenOptions<'_> {
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
        holder: &options.holder,
    }
}

pub(crate) fn durability(durability: wit::Durability) -> Durability {
    match durability {
        wit::Durability::Full => Durability::Full,
        wit::Durability::None => Durability::None,
    }
}

pub(crate) fn config(Config { pack_target, compression_level, shared }: Config) -> wit::Config {
    let shared = match shared {
        Sharing::Umask => wit::Sharing::Umask,
        Sharing::Group => wit::Sharing::Group,
    };
    wit::Config { pack_target, compression_level, shared }
}

/// Converts the settings of a container.
pub(crate) fn config_of(wit::Config { pack_target, compression_level, shared }: wit::Config) -> Config {
    let shared = match shared {
        wit::Sharing::Umask => Sharing::Umask,
        wit::Sharing::Group => Sharing::Group,
    };
    Config { pack_target, compression_level, shared }
}

pub(crate) fn compression(compression: Compression) -> wit::Compression {
    match compression {
        Compression::Never => wit::Compression::Never,
        Compression::Always => wit::Compression::Always,
        Compression::Auto => wit::Compression::Auto,
    }
}

pub(crate) fn object_info(info: &wit::ObjectInfo) -> ObjectInfo {
    let placement = match info.placement {
        wit::Placement::Loose => Placement::Loose,
        wit::Placement::Packed(wit::PackLocation { pack, offset, length, compressed: _ }) => {
            Placement::Packed(Location { pack, offset, length, size: info.size })
        }
    };
    ObjectInfo { size: info.size, placement }
}

pub(crate) fn stats(stats: wit::Stats) -> Stats {
    Stats {
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

/// Objects of a batch; positions of its ids count from `first` on.
pub(crate) fn block(block: container::Block, first: u32) -> Result<Block> {
    let container::Block { bytes, lengths, positions, others } = block;
    let broken = || Error::Store(loosepack::Error::Other("the component returned an inconsistent block".into()));
    let mut items = Vec::with_capacity(positions.len() + others.len());
    let mut start = 0_usize;
    for (position, length) in positions.into_iter().zip(lengths) {
        let end = start.checked_add(length as usize).filter(|end| *end <= bytes.len()).ok_or_else(broken)?;
        items.push((first + position, Found::Bytes(start..end)));
        start = end;
    }
    for (position, without) in others {
        let found = match without {
            container::Without::TooLarge(size) => Found::TooLarge(size),
            container::Without::Missing => Found::Missing,
            container::Without::Failed(error) => Found::Failed(store_error(error)?),
        };
        items.push((first + position, found));
    }
    Ok(Block { bytes, items })
}

pub(crate) fn part(Part { completed, shard, shards }: Part) -> maintenance::Part {
    maintenance::Part { completed, shard, shards }
}

pub(crate) fn progress(progress: maintenance::Progress) -> Progress {
    Progress {
        finished: progress.finished,
        done: progress.done,
        total: progress.total,
        objects: progress.objects,
        bytes: progress.bytes,
        problems: progress.problems.into_iter().map(finding).collect(),
        notes: progress.notes.into_iter().map(finding).collect(),
        unread: progress.unread.into_iter().map(finding).collect(),
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
        ErrorCode::CrossDevice => Code::CrossDevice,
        ErrorCode::NoSuchDevice => Code::Stale,
        ErrorCode::Unsupported => Code::Unsupported,
        ErrorCode::Invalid => Code::Invalid,
        // The component makes no others of the reasons that it knows.
        _ => Code::Other,
    }
}
