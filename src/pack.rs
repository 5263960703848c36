//! Packs: appending records. No policy.

pub(crate) mod check;
pub(crate) mod flush;
pub(crate) mod place;
pub(crate) mod scrub;
pub(crate) mod walk;

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use crate::dir::{Dir, File as _, Kind, read_full_at, write_all_at};
use crate::disk::Disk;
use crate::disk::directory;
use crate::disk::small_file;
use crate::error::{Code, Context as _, Error, Result};
use crate::format::frame_table;
use crate::format::location::Location;
use crate::format::names::{self, PACKS};
use crate::format::record::{HEADER_MAX, header};
use crate::id::ObjectId;

/// Appends records to packs. The pack lock must be held.
pub(crate) struct PackAppender<D: Dir> {
    disk: Disk<D>,
    target: u64,
    number: u32,
    file: Option<D::File>,
    /// The end of what has been written to the current pack.
    written: u64,
    out: Vec<u8>,
    /// `packs/` holds an entry that may not be durable.
    new_entry: bool,
    /// Number and length of the last pack, as far as the index may have entries for it.
    kept: (u32, u64),
    /// Something was appended behind it.
    appended: bool,
}

/// A record that is being written piece by piece.
pub(crate) struct OpenRecord {
    header: u64,
    end: u64,
    /// Something was appended before it.
    behind: bool,
}

impl<D: Dir> PackAppender<D> {
    /// Continues the last pack, or starts the first. Nothing is written yet. `next`: packs of lesser numbers that are
    /// missing may come back from a copy, so that their numbers are not used.
    pub(crate) fn open(disk: Disk<D>, target: u64, next: u32) -> Result<Self> {
        let entries = small_file::list(&disk.dir, PACKS)?;
        let packs = entries.iter().filter(|entry| entry.kind == Kind::File);
        let last = packs.filter_map(|entry| names::pack_number(&entry.name)).max();
        let last = last.filter(|last| last.saturating_add(1) >= next);
        let number = last.unwrap_or(next);
        let mut appender = PackAppender {
            disk,
            target,
            number,
            file: None,
            written: 0,
            out: Vec::new(),
            new_entry: false,
            kept: (number, 0),
            appended: false,
        };
        if last.is_some() {
            appender.reopen(next)?;
        }
        Ok(appender)
    }

    /// Continues the current pack. Whatever it ends with stays: an index that was restored from a copy must not cost
    /// data that only the pack still knows.
    ///
    /// One that may not be opened, and that nothing has ever been in, is removed: whoever made it in a shared container was
    /// killed before sharing it.
    fn reopen(&mut self, next: u32) -> Result<()> {
        let path = self.path();
        let unused = || self.number >= next && self.disk.metadata(&path).is_ok_and(|found| found.len == 0);
        let file = match self.disk.open_write(&path) {
            Err(Code::Access) if unused() => return self.disk.remove_file(&path).during("remove", &path),
            opened => opened.during("open", &path)?,
        };
        let len = file.metadata().during("examine", &path)?.len;
        self.written = len;
        self.kept = (self.number, len);
        if len > 0 {
            // Each header starts a line, so that records are found again behind one that was torn by a crash.
            let mut last = [0];
            read_full_at(&file, &mut last, len - 1).during("read", &path)?;
            if last != *b"\n" {
                self.out.push(b'\n');
            }
        }
        // Bytes that an earlier packer appended may not be durable, and new ones would be acknowledged together with
        // them.
        self.new_entry = true;
        self.file = Some(file);
        Ok(())
    }

    /// Leaves the last pack as it is: the next record starts another. Before anything is appended.
    pub(crate) fn leave(&mut self) -> Result<()> {
        if self.file.take().is_some() {
            self.number = next_number(self.number)?;
            self.kept = (self.number, 0);
            self.out.clear();
        }
        Ok(())
    }

    fn path(&self) -> String {
        names::pack(self.number)
    }

    fn position(&self) -> u64 {
        self.written + self.out.len() as u64
    }

    /// The pack for the next record, made when there is none or the last is full.
    fn current(&mut self) -> Result<()> {
        let linked = !self.appended && self.is_linked()?;
        if self.file.is_some() && (linked || self.position() >= self.target) {
            self.write_out()?;
            self.disk.flush.file(self.file(), &self.path())?;
            self.file = None;
            self.number = next_number(self.number)?;
        }
        if linked {
            self.kept = (self.number, 0);
        }
        if self.file.is_none() {
            let path = self.path();
            let mut created = self.disk.create_new(&path);
            if matches!(created, Err(Code::NotFound)) {
                directory::make(&self.disk, PACKS)?;
                created = self.disk.create_new(&path);
            }
            self.file = Some(created.during("create", &path)?);
            self.written = 0;
            self.new_entry = true;
            self.appended = true;
        }
        Ok(())
    }

    /// Returns whether the current pack, to which nothing has been appended since the last commit, must not be changed
    /// because it has a second name.
    fn is_linked(&mut self) -> Result<bool> {
        let Some(file) = &self.file else { return Ok(false) };
        let linked = file.metadata().during("examine", &self.path())?.is_linked();
        if linked {
            // Nothing but the line end that would have closed a torn record.
            self.out.clear();
        }
        Ok(linked)
    }

    fn file(&self) -> &D::File {
        self.file.as_ref().expect("current() has opened a pack")
    }

    /// Appends a record whose payload is known.
    pub(crate) fn append(&mut self, id: &ObjectId, size: u64, payload: &[u8]) -> Result<Location> {
        self.current()?;
        self.appended = true;
        let length = payload.len() as u64;
        let compressed = length != size;
        header(&mut self.out, id, size, length, compressed, false);
        let offset = self.position();
        self.out.extend_from_slice(payload);
        self.out.push(b'\n');
        if self.out.len() >= self.disk.tuning.pack_buffer {
            self.write_out()?;
        }
        Ok(Location { pack: self.number, offset, length, size })
    }

    /// Starts a record whose payload follows piece by piece.
    pub(crate) fn start_record(&mut self) -> Result<OpenRecord> {
        let behind = self.appended;
        self.current()?;
        self.write_out()?;
        self.appended = true;
        Ok(OpenRecord { header: self.written, end: self.written + HEADER_MAX as u64, behind })
    }

    /// Appends to the payload of the record that is being written.
    pub(crate) fn write(&mut self, record: &mut OpenRecord, bytes: &[u8]) -> Result<()> {
        write_all_at(self.file(), bytes, record.end).during("write", &self.path())?;
        record.end += bytes.len() as u64;
        Ok(())
    }

    /// Length of the payload written so far.
    pub(crate) fn payload_length(record: &OpenRecord) -> u64 {
        record.end - record.header - HEADER_MAX as u64
    }

    /// Completes a record. `frame_ends`: of a compressed payload, where its frames end; of another, nothing.
    pub(crate) fn finish_record(
        &mut self,
        record: OpenRecord,
        id: &ObjectId,
        size: u64,
        frame_ends: &[u64],
    ) -> Result<Location> {
        let length = Self::payload_length(&record);
        let mut tail = Vec::from(*b"\n");
        if frame_ends.len() > 1 {
            tail.extend(frame_table::encode(frame_ends));
        }
        let mut head = Vec::with_capacity(HEADER_MAX);
        header(&mut head, id, size, length, !frame_ends.is_empty(), true);
        let path = self.path();
        write_all_at(self.file(), &tail, record.end).during("write", &path)?;
        write_all_at(self.file(), &head, record.header).during("write", &path)?;
        self.written = record.end + tail.len() as u64;
        let offset = record.header + HEADER_MAX as u64;
        Ok(Location { pack: self.number, offset, length, size })
    }

    /// Gives up a record: its bytes, which no index has ever known, are cut off.
    pub(crate) fn abandon_record(&mut self, record: &OpenRecord) -> Result<()> {
        self.file().set_len(record.header).during("cut", &self.path())?;
        self.appended = record.behind;
        Ok(())
    }

    /// Marks everything appended so far as recorded in an index.
    pub(crate) fn keep(&mut self) {
        self.kept = (self.number, self.written);
        self.appended = false;
    }

    /// Discards records appended since the last [`PackAppender::keep`], which no index has recorded, as far as the disk
    /// allows.
    pub(crate) fn cut(&mut self) {
        if !mem::take(&mut self.appended) {
            return;
        }
        self.file = None;
        self.out.clear();
        let (first, len) = self.kept;
        for number in first..=self.number {
            let len = if number == first { len } else { 0 };
            // Bytes that stay are left for the next packer, who appends after them.
            let _ = self.disk.open_write(&names::pack(number)).and_then(|file| file.set_len(len));
        }
    }

    fn write_out(&mut self) -> Result<()> {
        if !self.out.is_empty() {
            write_all_at(self.file(), &self.out, self.written).during("write", &self.path())?;
            self.written += self.out.len() as u64;
            self.out.clear();
        }
        Ok(())
    }

    /// Makes everything appended so far durable. After a failure nothing more may be appended.
    pub(crate) fn sync(&mut self) -> Result<()> {
        if self.file.is_none() {
            return Ok(());
        }
        self.write_out()?;
        self.disk.flush.file(self.file(), &self.path())?;
        if self.new_entry {
            directory::settle(&self.disk, PACKS)?;
            self.disk.flush.dir(&self.disk.dir, PACKS)?;
        }
        self.new_entry = false;
        Ok(())
    }
}

fn next_number(number: u32) -> Result<u32> {
    number.checked_add(1).ok_or_else(|| Error::Other("no pack number is left".into()))
}
