//! The sizes the store works in.

use crate::format::FRAME;
use crate::format::record::HEADER_MAX;
use crate::format::run_header::RUN_BLOCK;

/// Sizes in which a handle reads, gathers and writes. None of them is part of the format: handles with different sizes
/// work on one container at the same time. The defaults are what was measured to be fast in bounded memory; tests make
/// them tiny, so that a store of a few kilobytes crosses every boundary. A size that is too small to work with counts
/// as the smallest that does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// Bytes that are read or written at once of a file that is passed through: a large object, a log, a run.
    pub chunk: usize,
    /// Bytes that are asked for first of a source of unknown size: what WASI gives at most in one call.
    pub piece: usize,

    /// Bytes that are read at once on a walk through a pack. A record that is longer is not kept in memory.
    pub window: usize,
    /// Records of such a window.
    pub window_records: usize,
    /// Bytes that are looked through for records within damaged ones, for each byte of the pack.
    pub walk_again: u64,

    /// Bytes that are given up together where some cannot be read: what a disk or a file system loses at least.
    pub unreadable: u64,

    /// Payloads that are no more bytes apart than this are read together: about what a system call costs.
    pub gap: u64,
    /// Bytes that are read together, and bytes that they stand for, unless a single payload has more.
    pub together: u64,
    /// Bytes of objects after which a batch of many ends, so that it has less than twice as many. (Runtimes bound what
    /// one call may return: wasmtime 48 refuses about 3 MiB where, as from Python, each byte is a value of its own.)
    pub batch_bytes: u64,
    /// Bytes of packs that are told ahead to a host that fetches them when many objects are read.
    pub fetch_bytes: u64,
    /// Number of objects after which such a batch ends: even empty ones fill it.
    pub batch_objects: usize,
    /// Packs that one handle keeps open for reading, fewer where the system does not let it open so many files.
    pub open_packs: usize,
    /// Pieces of work of about a mebibyte, such as frames to inflate, that are kept going at the same time: enough for
    /// the processors of a usual machine.
    pub ahead: usize,

    /// Bytes that are gathered for a pack before they are written. One large write costs a sandboxed store far less
    /// than many small ones.
    pub pack_buffer: usize,
    /// Bytes of small objects that a packer gathers before it asks the index for all of them at once.
    pub gather_bytes: usize,
    /// The same limit, in objects.
    pub gather_objects: usize,
    /// Bytes that a packer appends before it commits whether the caller asks or not.
    pub commit_bytes: u64,
    /// The same limit, in objects: the most that a killed packer loses, and that has to be remembered. A batch of the
    /// log has at most this many lines plus `gather_objects`.
    pub commit_objects: usize,
    /// Bytes of loose objects that are packed before their files are removed, when that is done in one job: the room that
    /// it takes on the disk.
    pub clean_bytes: u64,
    /// Objects after which a batch of loose ones is committed whether the caller asks or not.
    pub loose_objects: usize,
    /// From this number of files on, the whole file system is flushed at once. Fewer are flushed one by one: the file
    /// system may hold much data of others.
    pub flush_together: usize,

    /// A log that would get this many entries is folded into a run by the packer who sees it. What each handle reads
    /// at opening and keeps in memory is bounded by it; with few, runs are merged more often. The default makes a
    /// mebibyte: a millisecond of reading.
    pub log_entries: usize,
    /// Spill threshold of an index rebuild, as a multiple of `log_entries`. A rebuild holds little else in memory, so
    /// it can buffer more and merge fewer runs.
    pub rebuild: usize,
    /// Lines of a block of a run that are read to find one id. Where among 64 uniform ids one lies deviates by 4 lines
    /// from where it is expected at most, one standard deviation, and by 3 on average: two or more of them fit. The whole
    /// block is read for 2 ids in 100.
    pub guess: u64,
    /// Ids that are looked up together for each block of a run, from which on its blocks are read whole, one after the
    /// other. Of fewer, each is looked up by itself.
    pub dense: u64,
    /// Lookups for which only parts of a run's fences are read, however few these are: a process that makes few need
    /// not read all of them. That many ids are also remembered that have no entry.
    pub cold_lookups: u32,
    /// Fences of such a part. Where a block lies among uniform ids deviates from where it is expected by half the square
    /// root of the entries: 8 blocks for a million entries, 250 for a thousand million.
    pub cold_fences: u64,
    /// Parts that are read where uniform ids let expect the block. After the first, which misses it by a few hundred
    /// blocks, it is expected to within a few. Then what is left is halved again and again, for ids that are not uniform.
    pub cold_guesses: u32,
    /// Fences that are read in the time that a lookup takes longer by such parts than by all fences in memory. When
    /// lookups have taken as long as it takes to read all fences, they are read.
    pub cold_cost: u64,
    /// Fences of a run that are kept in memory, at most: 12 bytes each. Lookups in a larger run go on by parts.
    pub fences: u64,
    /// Filters of a run's blocks that are kept in memory, at most: 64 bytes each. Lookups in a larger run read a block
    /// to find nothing.
    pub filters: u64,
    /// Filters that are read in the time that a lookup without them takes to find nothing. When such lookups have taken
    /// as long as it takes to read all filters, they are read.
    pub filter_cost: u64,
    /// Bytes of each line behind the entries of a run that is being written that are kept in memory. The others are in
    /// a file in `incoming` until all entries are written.
    pub list_bytes: usize,

    /// Bytes that a job reads in a step.
    pub step_bytes: u64,
    /// Objects or files that a job looks at in a step.
    pub step_objects: usize,
    /// Entries of the index that a job reads, or deletes, in a step.
    pub step_entries: usize,
    /// Records that a job remembers until they are compared with the index together: each line of it is then read less
    /// often.
    pub remembered: usize,
    /// Bytes of memory in which a job remembers which records of a pack it has met: one for 512 bytes of the pack.
    pub met_bytes: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Tuning {
            chunk: 256 << 10,
            piece: 64 << 10,
            window: FRAME + (64 << 10),
            window_records: 8192,
            walk_again: 16,
            unreadable: 4096,
            gap: 16 << 10,
            together: FRAME as u64,
            batch_bytes: 1 << 20,
            fetch_bytes: 8 << 20,
            batch_objects: 8192,
            open_packs: 256,
            ahead: 8,
            pack_buffer: 1 << 20,
            gather_bytes: 1 << 20,
            gather_objects: 8192,
            commit_bytes: 1 << 30,
            commit_objects: 1 << 17,
            clean_bytes: 256 << 20,
            loose_objects: 8192,
            flush_together: 8,
            log_entries: 8192,
            rebuild: 16,
            guess: 16,
            dense: 2,
            cold_lookups: 8,
            cold_fences: 128,
            cold_guesses: 3,
            cold_cost: 256,
            fences: 1 << 22,
            filters: 1 << 18,
            filter_cost: 64,
            list_bytes: 8 << 20,
            step_bytes: 16 << 20,
            step_objects: 1024,
            step_entries: 8192,
            remembered: 1 << 16,
            met_bytes: 64 << 20,
        }
    }
}

impl Tuning {
    /// The smallest sizes there are: everything is one at a time.
    pub const SMALLEST: Tuning = Tuning {
        chunk: 1,
        piece: 1,
        window: 2 * HEADER_MAX,
        window_records: 1,
        walk_again: 1,
        unreadable: 1,
        gap: 0,
        together: 1,
        batch_bytes: 1,
        fetch_bytes: 1,
        batch_objects: 1,
        open_packs: 1,
        ahead: 1,
        pack_buffer: 1,
        gather_bytes: 1,
        gather_objects: 1,
        commit_bytes: 1,
        commit_objects: 1,
        clean_bytes: 1,
        loose_objects: 1,
        flush_together: 1,
        log_entries: 0,
        rebuild: 1,
        guess: 1,
        dense: 0,
        cold_lookups: 0,
        cold_fences: 3,
        cold_guesses: 0,
        cold_cost: 1,
        fences: 0,
        filters: 0,
        filter_cost: 1,
        list_bytes: 0,
        step_bytes: 1,
        step_objects: 1,
        step_entries: 1,
        remembered: 1,
        met_bytes: 0,
    };

    /// Returns a copy with each size raised to the smallest that works, and cut to the limits of the format.
    pub(crate) fn within_limits(&self) -> Self {
        let least = Tuning::SMALLEST;
        Tuning {
            chunk: self.chunk.max(least.chunk),
            piece: self.piece.max(1),
            window: self.window.max(least.window),
            window_records: self.window_records.max(1),
            walk_again: self.walk_again.max(1),
            unreadable: self.unreadable.max(1),
            gap: self.gap,
            together: self.together.clamp(1, FRAME as u64),
            batch_bytes: self.batch_bytes.max(1),
            fetch_bytes: self.fetch_bytes.max(1),
            batch_objects: self.batch_objects.max(1),
            open_packs: self.open_packs.max(1),
            ahead: self.ahead.max(1),
            pack_buffer: self.pack_buffer.max(1),
            gather_bytes: self.gather_bytes.clamp(1, u32::MAX as usize / 4),
            gather_objects: self.gather_objects.clamp(1, 1 << 17),
            commit_bytes: self.commit_bytes.max(1),
            commit_objects: self.commit_objects.clamp(1, 1 << 18),
            clean_bytes: self.clean_bytes.max(1),
            loose_objects: self.loose_objects.max(1),
            flush_together: self.flush_together.max(1),
            log_entries: self.log_entries,
            rebuild: self.rebuild.max(1),
            guess: self.guess.clamp(1, RUN_BLOCK),
            cold_lookups: self.cold_lookups,
            // The fences before and behind that of the id's block.
            cold_fences: self.cold_fences.max(least.cold_fences),
            cold_guesses: self.cold_guesses,
            dense: self.dense,
            cold_cost: self.cold_cost.max(1),
            fences: self.fences,
            filters: self.filters,
            filter_cost: self.filter_cost.max(1),
            list_bytes: self.list_bytes,
            step_bytes: self.step_bytes.max(1),
            step_objects: self.step_objects.max(1),
            step_entries: self.step_entries.max(1),
            remembered: self.remembered.max(1),
            met_bytes: self.met_bytes,
        }
    }
}
