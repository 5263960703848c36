//! `container.json`: the format's version, the container's identifier and its settings.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::json::is_lower_hex;
use crate::error::{Error, Result};

/// Version of the on-disk format that this code writes, and the latest it reads.
pub const FORMAT: u64 = 1;

/// Packs take no further record from this size on, unless a container is created with another setting: 4 GiB.
pub const DEFAULT_PACK_TARGET: u64 = 4 << 30;

/// The zlib level of a container that is created without another setting.
pub const DEFAULT_COMPRESSION_LEVEL: u8 = 1;

/// The value of `shared` for [`Sharing::Group`]; otherwise there is no such key.
const SHARED_WITH_GROUP: &str = "group";

/// Digits of a container's identifier.
const ID_DIGITS: usize = 32;

/// Who may use the files of a container besides their owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sharing {
    /// Whoever the umask of each process that writes to it admits.
    #[default]
    Umask,
    /// The group of the container's directory, which may read and write everything, whatever the umask.
    Group,
}

/// Settings of a container, fixed when it is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// A pack that has reached this many bytes takes no further record.
    pub pack_target: u64,
    /// zlib level used when packing with compression, 1 (fast) to 9 (small).
    pub compression_level: u8,
    /// Who may use its files besides their owner.
    pub shared: Sharing,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            pack_target: DEFAULT_PACK_TARGET,
            compression_level: DEFAULT_COMPRESSION_LEVEL,
            shared: Sharing::Umask,
        }
    }
}

impl Config {
    /// Fails with [`Error::InvalidArgument`] when a setting is out of its range.
    pub(crate) fn check(&self) -> Result<()> {
        if self.pack_target == 0 {
            return Err(Error::InvalidArgument("pack-target must be at least 1".into()));
        }
        if !(1..=9).contains(&self.compression_level) {
            return Err(Error::InvalidArgument("compression-level must be from 1 to 9".into()));
        }
        Ok(())
    }
}

/// The content of `container.json`.
pub(crate) struct ContainerJson {
    /// The container's identifier.
    pub(crate) id: String,
    /// Its settings.
    pub(crate) config: Config,
}

impl ContainerJson {
    /// Describes a container whose identifier is derived from `seed`.
    pub(crate) fn new(seed: &str, config: Config) -> Self {
        ContainerJson { id: seed[..ID_DIGITS].to_string(), config }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut value = json!({
            "format": FORMAT,
            "id": self.id,
            "pack-target": self.config.pack_target,
            "compression-level": self.config.compression_level,
        });
        if self.config.shared == Sharing::Group {
            value["shared"] = SHARED_WITH_GROUP.into();
        }
        (value.to_string() + "\n").into_bytes()
    }

    /// Fails with [`Error::UnsupportedFormat`] for a later version. `None` for anything else that is not written here.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Option<Self>> {
        let Ok(settings) = serde_json::from_slice::<Value>(bytes) else { return Ok(None) };
        match settings["format"].as_u64() {
            Some(FORMAT) => Ok(Self::of(&settings)),
            None | Some(0) => Ok(None),
            Some(later) => Err(Error::UnsupportedFormat(later)),
        }
    }

    fn of(settings: &Value) -> Option<Self> {
        let id = settings["id"].as_str().filter(|id| id.len() == ID_DIGITS && is_lower_hex(id.as_bytes()))?;
        let config = Config {
            pack_target: settings["pack-target"].as_u64()?,
            compression_level: u8::try_from(settings["compression-level"].as_u64()?).ok()?,
            shared: match &settings["shared"] {
                Value::Null => Sharing::Umask,
                Value::String(with) if with == SHARED_WITH_GROUP => Sharing::Group,
                _ => return None,
            },
        };
        config.check().ok()?;
        Some(ContainerJson { id: id.to_string(), config })
    }
}
