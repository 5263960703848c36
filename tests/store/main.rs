//! The store on directories: real ones, and one that loses power.

/// Collecting garbage, and packing and cleaning at once.
mod collecting;
/// The contract of `Dir`, on every implementation.
mod conformance;
/// Damage where a second, sound copy exists: reading, healing, and adding again.
mod copies;
/// Importing, mending, backing up and restoring.
mod copying;
/// Containers made by hand with hostile content: one deliberate lie each, and the bound on what believing it costs.
mod crafted;
/// Every operation cut at every step, with every outcome that a power cut may have.
mod crash;
/// Bytes changed at random places by a device: what is lost, and that nothing else is.
mod damage;
/// Deletion: gone for everyone, and free to be added again.
mod deleting;
/// The simulated directory itself: it loses what was not synced.
mod dirs;
/// Acknowledgements that rely on data which others wrote and did not flush.
mod durability;
/// Every file operation failing with every code: reported, and nothing lost.
mod faults;
/// Rounds of fetching from far away.
mod fetching;
/// Folding in bounded memory, and what it does with damage.
mod folding;
/// Parsers and whole containers fed with random mutations of their files.
mod fuzz;
/// The committed fixture of format 1 is read, and is written again byte by byte.
mod golden;
/// Long random histories of crashes, kills and restarts.
mod histories;
/// A real directory with planted links, pipes and devices.
#[cfg(unix)]
mod hostile;
/// Entries of the old index that `reindex` must keep.
mod kept;
/// Remains of interrupted work, and who removes them.
mod leftovers;
/// Lookups by all fences and by parts of them, at every boundary.
mod lookups;
/// Directories that a copy has lost, and disks without room for a lock file.
mod missing;
/// Random work compared with a map, on the native store.
mod model;
/// Directories that are mounts of their own.
#[cfg(target_os = "linux")]
mod mounts;
/// Commit points with one sync left out: each must be noticed by the crash tests.
mod mutations;
/// Objects of every size come back from every place.
mod objects;
/// Packs that are kept open.
mod open_packs;
/// Packing, cleaning, and the pack lock.
mod packing;
/// Objects that are given as they lie in packs.
mod payloads;
/// Plain copies of a container that is being worked in.
#[cfg(unix)]
mod plain_copies;
/// Things put in place of files and directories; shared with the tests of the host.
#[cfg(unix)]
#[path = "../planted/mod.rs"]
mod planted;
/// Tests in processes of their own.
#[cfg(unix)]
mod processes;
/// The promises of a container as code, checked by crash, fault and history tests.
mod promises;
/// Readers, writers and packers interleaved step by step.
mod races;
/// The model and its random steps; shared with the tests of the host.
#[path = "../random_work/mod.rs"]
mod random_work;
/// Parts of objects, many at once, listings and counts.
mod reading;
/// Handles and directories that may not be written to.
mod readonly;
/// Rebuilding the index from the packs.
mod reindexing;
/// Freeing the dead bytes of packs.
mod repacking;
/// Containers that a group shares.
#[cfg(unix)]
mod shared;
/// A directory in memory that loses power.
mod sim;
/// Copies with hard links.
mod snapshots;
/// Files and readers that objects are added from, and those that fail.
mod sources;
/// Handles whose index is out of date.
mod stale;
/// Random containers, sizes and damage; verify and reindex must be exact.
mod stress;
/// Helpers.
mod support;
/// A device that returns errors for some bytes.
mod unreadable;
/// `verify` finds all damage, and nothing else.
mod verifying;
/// Walking through packs without an index.
mod walking;
/// A directory that records calls, and can stop or fail them.
mod watch;
/// The operations that crash and fault tests interrupt.
mod workloads;
/// Batches, several writers at once, dropped writers, and objects that are added more than once.
mod writers;
