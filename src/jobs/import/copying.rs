//! Copying what was found, close together or alone.

use alloc::format;
use alloc::vec::Vec;

use super::{Ids, Import};
use crate::codec::Checking;
use crate::dir::Dir;
use crate::error::{Error, Result};
use crate::format::FRAME;
use crate::format::location::Location;
use crate::id::ObjectId;
use crate::jobs::Progress;
use crate::pack::check::payload;
use crate::packer::{Head, read_head};
use crate::read::window::Window;
use crate::read::{Content, Stored, StoredReader};

impl<D: Dir, S: Dir> Import<D, S> {
    /// Copies objects that lie close together in the source; returns their bytes.
    pub(super) fn copy_window(&mut self, progress: &mut Progress) -> Result<u64> {
        let source = &self.source;
        let Some(window) = Window::take(&mut self.packed, &source.disk.tuning) else { return Ok(0) };
        let read = window.read(true, |location, id| source.open_packed(&id, location)).unwrap_or_default();
        let mut alone: Vec<ObjectId> = Vec::new();
        let mut copied = 0;
        match read {
            None => alone.extend(window.objects.iter().map(|(_, id)| *id)),
            Some((bytes, _)) => {
                let whole = |location: &Location, id: ObjectId| {
                    let range = window.range(location);
                    payload(id, *location, range.start, bytes.get(range)?)
                };
                let payloads: Vec<_> = window.objects.iter().map(|(location, id)| whole(location, *id)).collect();
                let mut sound =
                    Checking::start(&bytes[..], payloads.iter().flatten().cloned().collect()).finish().into_iter();
                for ((location, id), payload) in window.objects.iter().zip(&payloads) {
                    if payload.is_none() || sound.next() != Some(true) {
                        alone.push(*id);
                        continue;
                    }
                    let from = self.damaged.get(id).copied();
                    self.packer.copy_small(*id, location.size, &bytes[window.range(location)], from)?;
                    count(location.size, progress);
                    copied += location.length;
                }
            }
        }
        for id in alone {
            copied += self.copy_alone(id, progress)?;
        }
        Ok(copied)
    }

    /// Copies an object from whichever of its copies is sound; returns its size. A failure of the source is reported.
    pub(super) fn copy_alone(&mut self, id: ObjectId, progress: &mut Progress) -> Result<u64> {
        let copied = match self.source.find(&id) {
            Ok(stored) if stored.size <= FRAME as u64 => match self.source.read_all(&stored) {
                Ok(bytes) => self.packer.add(id, &bytes).map(|()| Ok(bytes.len() as u64))?,
                Err(error) => Err(error),
            },
            Ok(stored) => self.copy_large(&stored)?.map(|()| stored.size),
            Err(error) => Err(error),
        };
        match copied {
            Ok(size) => {
                count(size, progress);
                Ok(size)
            }
            Err(_) if self.comes_again() => Ok(0),
            Err(error) => {
                let text = match error {
                    Error::NotFound(_) => "the other container does not have it".into(),
                    error => format!("in the other container: {error}"),
                };
                progress.problem(format!("object {id}"), text);
                Ok(0)
            }
        }
    }

    /// Returns whether an object that could not be copied will be looked at again.
    fn comes_again(&self) -> bool {
        matches!(&self.ids, Ids::Ordered(order) if order.comes_again())
    }

    /// The outer result is that of writing, the inner one that of reading.
    fn copy_large(&mut self, stored: &Stored<S::File>) -> Result<Result<()>> {
        if stored.location().is_some() {
            let from = self.damaged.get(&stored.id).copied();
            return self.packer.copy_large(stored, from);
        }
        let mut source = Content(StoredReader::new(stored.clone(), true));
        let head = match read_head(&mut source, self.packer.piece()) {
            Ok(Head::Large(head)) => head,
            // It became shorter since it was opened.
            Ok(Head::Whole(_)) => return Ok(Err(stored.mismatch())),
            Err(error) => return Ok(Err(error)),
        };
        match self.packer.add_large(head, &mut source, Some(&stored.id)) {
            Ok(added) if added == stored.id => Ok(Ok(())),
            Ok(_) => Ok(Err(stored.mismatch())),
            Err(error) => self.packer.check().map_err(|_| error.clone()).map(|()| Err(error)),
        }
    }
}

fn count(size: u64, progress: &mut Progress) {
    progress.objects += 1;
    progress.bytes = progress.bytes.saturating_add(size);
}
