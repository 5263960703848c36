//! Types of the contract <-> types of the crate `loosepack`.

use loosepack::{
    Access, Compression, Config, Durability, Error, Finding, Location, ObjectId, ObjectInfo, Options, Placement,
    Progress, Result, Sharing, Stats,
};

use loosepack::store::{Block, Found};

use crate::bindings::exports::loosepack::store::{container, maintenance, store_types as wit};

/// An answer of the component: wasmtime's result around the store's.
pub(crate) fn answer<T>(answer: wasmtime::Result<Result<T, wit::Error>>) -> Result<T> {
    answer.map_err(|error| Error::Other(format!("{error:#}")))?.map_err(error)
}

/// Converts an error of the component, as far as its users here distinguish errors.
pub(crate) fn error(error: wit::Error) -> Error {
    match error {
        wit::Error::NotFound(text) => text.parse().map_or_else(Error::from, Error::NotFound),
        wit::Error::NoContainer => Error::NoContainer,
        wit::Error::ReadOnly => Error::ReadOnly,
        wit::Error::Locked(text) => Error::Locked(text),
        wit::Error::Corrupt(found) => Error::Corrupt(finding(found)),
        wit::Error::TooLarge(size) => Error::TooLarge(size),
        wit::Error::WriterFailed => Error::WriterFailed,
        error => Error::Other(format!("{error:?}")),
    }
}

pub(crate) fn finding(wit::Finding { file, message }: wit::Finding) -> Finding {
    Finding { file, message }
}

pub(crate) fn ids(bytes: &[u8]) -> Result<Vec<ObjectId>> {
    ObjectId::many_from_bytes(bytes).ok_or_else(|| Error::Other("the component returned a part of an ID".into()))
}

pub(crate) fn options(options: &Options) -> wit::OpenOptions<'_> {
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

pub(crate) fn info(info: &wit::ObjectInfo) -> ObjectInfo {
    let size = info.size;
    let placement = match info.placement {
        wit::Placement::Loose => Placement::Loose,
        wit::Placement::Packed(wit::PackLocation { pack, offset, length, .. }) => {
            Placement::Packed(Location { pack, offset, length, size })
        }
    };
    ObjectInfo { size, placement }
}

pub(crate) fn stats(stats: wit::Stats) -> Stats {
    let wit::Stats { packed_objects, packed_size, packed_length, loose_objects, loose_size, loose_packed, .. } = stats;
    let wit::Stats { packs, packs_size, packs_dead, index_size, unfinished, unfinished_size, .. } = stats;
    Stats {
        packed_objects,
        packed_size,
        packed_length,
        loose_objects,
        loose_size,
        loose_packed,
        packs,
        packs_size,
        packs_dead,
        index_size,
        unfinished,
        unfinished_size,
    }
}

pub(crate) fn block(container::Block { bytes, lengths, positions, others }: container::Block) -> Block {
    let mut start = 0;
    let found = positions.into_iter().zip(lengths).map(|(position, length)| {
        let range = start..start + length as usize;
        start = range.end;
        (position, Found::Bytes(range))
    });
    let mut items: Vec<(u32, Found)> = found.collect();
    items.extend(others.into_iter().map(|(position, without)| match without {
        container::Without::TooLarge(size) => (position, Found::TooLarge(size)),
        container::Without::Missing => (position, Found::Missing),
        container::Without::Failed(failed) => (position, Found::Failed(error(failed))),
    }));
    Block { bytes, items }
}

pub(crate) fn progress(progress: maintenance::Progress) -> Progress {
    let maintenance::Progress { finished, done, total, objects, bytes, problems, notes, unread } = progress;
    let [problems, notes, unread] =
        [problems, notes, unread].map(|findings| findings.into_iter().map(finding).collect());
    Progress { finished, done, total, objects, bytes, problems, notes, unread }
}
