//! Defaults of the records that are passed to the store: those of loosepack's command.

use crate::maintenance::{GcOptions, Part, RepackOptions};
use crate::store_types::{Access, Config, Durability, OpenOptions, Sharing};

const PACK_TARGET: u64 = 4 << 30;
const COMPRESSION_LEVEL: u8 = 1;

/// Reading and writing, with what is acknowledged on the device, and with every object checked when it is read.
impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions {
            access: Access::ReadWrite,
            durability: Durability::Full,
            verify: true,
            holder: "a component".into(),
        }
    }
}

/// Packs of 4 GiB, and the fastest compression where compression is asked for.
impl Default for Config {
    fn default() -> Self {
        Config { pack_target: PACK_TARGET, compression_level: COMPRESSION_LEVEL, shared: Sharing::Umask }
    }
}

/// All of a container, by one job.
impl Default for Part {
    fn default() -> Self {
        Part { completed: 0, shard: 0, shards: 1 }
    }
}

/// Deletes what is not on the list; what was written in the last two seconds is spared in any case.
impl Default for GcOptions {
    fn default() -> Self {
        GcOptions { grace: 0, dry_run: false }
    }
}

/// Packs of which a quarter is dead; payloads stay as they are.
impl Default for RepackOptions {
    fn default() -> Self {
        RepackOptions { min_dead: None, compression: None, level: None, dry_run: false }
    }
}
