//! Copying objects from another container, and mending damaged ones with it.
//!
//! Payloads are copied as they are, without being compressed again, and checked on the way. Everything goes straight to
//! packs, mostly in the order in which it lies in the other container (`order.rs`).

mod copying;
mod order;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::ops::ControlFlow;

use self::order::{Next, Order};
use super::{Job, Progress, Running, Work};
use crate::container::Container;
use crate::dir::Dir;
use crate::error::Result;
use crate::format::location::Location;
use crate::id::ObjectId;
use crate::index::Trust;
use crate::loose;
use crate::options::Compression;
use crate::packer::Packer;
use crate::proof::Proof;

/// Copies objects. Units of progress are ids.
struct Import<D: Dir, S: Dir> {
    source: Container<S>,
    packer: Packer<D>,
    target: Container<D>,
    ids: Ids<S>,
    which: Which<D>,
    /// Objects to be copied that are packed in the source, last first, and where they are packed here, damaged.
    packed: Vec<(Location, ObjectId)>,
    /// Those that are loose, or absent.
    others: Vec<ObjectId>,
    damaged: BTreeMap<ObjectId, Location>,
}

/// The objects that are looked at.
enum Ids<S: Dir> {
    /// These, sorted; those that are left come first.
    Given(Vec<ObjectId>),
    /// All that the source has. None was looked at yet.
    Unordered,
    /// All that the source has.
    Ordered(Order<S>),
    /// All that are here, after this one.
    Here(Option<ObjectId>),
}

/// Which of them are copied.
enum Which<D: Dir> {
    /// Those that are not here.
    Absent,
    /// Those that are here and damaged.
    Damaged(Proof<D>),
}

impl<D: Dir> Container<D> {
    /// Starts to copy objects from another container: these, or all. Objects that exist here are not copied. One that is
    /// damaged or absent there is reported. Stopped or killed, it goes on where it was when it is started again. Units of
    /// progress are objects of the other container; it counts those that were copied.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked) when a packer is at work here; those of opening either index.
    pub fn import<S: Dir>(&self, source: &Container<S>, ids: Option<Vec<ObjectId>>) -> Result<impl Job + use<D, S>> {
        let (ids, total) = match ids {
            Some(mut ids) => {
                ids.sort_unstable_by_key(|id| Reverse(*id));
                ids.dedup();
                let total = ids.len() as u64;
                (Ids::Given(ids), total)
            }
            None => (Ids::Unordered, source.count_roughly()?),
        };
        self.copy_from(source, ids, Which::Absent, total)
    }

    /// Starts to mend damaged objects with those of another container, such as a backup: each object that is here, loose
    /// or packed, is read, and one that does not match its ID is fetched. What the other container does not have either
    /// is reported. An object that the index has lost is not known here: [`Container::import`] fetches it. Damaged loose
    /// files stay until [`Container::clean`]. Units of progress are objects; it counts those that were mended.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked) when a packer is at work here; those of opening either index.
    pub fn repair<S: Dir>(&self, source: &Container<S>) -> Result<impl Job + use<D, S>> {
        let which = Which::Damaged(Proof::new(self.disk.clone()));
        self.copy_from(source, Ids::Here(None), which, self.count_roughly()?)
    }

    fn copy_from<S: Dir>(
        &self,
        source: &Container<S>,
        ids: Ids<S>,
        which: Which<D>,
        total: u64,
    ) -> Result<impl Job + use<D, S>> {
        let packer = Packer::new(self, Compression::Never)?;
        let work = Import {
            source: source.again(),
            packer,
            target: self.again(),
            ids,
            which,
            packed: Vec::new(),
            others: Vec::new(),
            damaged: BTreeMap::new(),
        };
        Ok(Running::new(work, Progress::of(total)))
    }

    /// Returns about how many objects there are. One that is both loose and packed counts twice.
    fn count_roughly(&self) -> Result<u64> {
        let mut count = self.totals()?.objects;
        for shard in 0..=u8::MAX {
            count += loose::list(&self.disk.dir, shard)?.len() as u64;
        }
        Ok(count)
    }
}

impl<D: Dir, S: Dir> Work for Import<D, S> {
    fn advance(&mut self, progress: &mut Progress) -> Result<ControlFlow<()>> {
        let mut left = self.target.disk.tuning.step_bytes;
        while left > 0 && !self.packed.is_empty() {
            left = left.saturating_sub(self.copy_window(progress)?);
        }
        while left > 0
            && let Some(id) = self.others.pop()
        {
            left = left.saturating_sub(self.copy_alone(id, progress)?);
        }
        if !self.packed.is_empty() || !self.others.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        self.damaged.clear();
        match self.next(progress)? {
            Next::Ids(ids) => {
                let wanted = match self.which {
                    Which::Absent => self.absent(ids)?,
                    Which::Damaged(_) => self.unsound(ids)?,
                };
                for (id, location) in wanted.iter().zip(self.source.locate_many(&wanted)?) {
                    match location {
                        Some(location) => self.packed.push((location, *id)),
                        None => self.others.push(*id),
                    }
                }
            }
            Next::Records(records) => self.take_records(&records, progress)?,
            // From now on the index tells what was copied.
            Next::Walked => self.packer.commit()?,
            Next::End => return Ok(ControlFlow::Break(())),
        }
        progress.total = progress.total.max(progress.done);
        self.packed.sort_unstable_by_key(|(location, _)| Reverse(location.place()));
        Ok(ControlFlow::Continue(()))
    }

    fn finish(mut self, _: &mut Progress) -> Result<()> {
        self.packer.commit()
    }
}

impl<D: Dir, S: Dir> Import<D, S> {
    fn next(&mut self, progress: &mut Progress) -> Result<Next> {
        let limit = self.target.disk.tuning.step_entries;
        let page = match &mut self.ids {
            Ids::Given(ids) => ids.split_off(ids.len().saturating_sub(limit)),
            Ids::Here(after) => {
                let page = self.target.objects(after.as_ref(), limit)?;
                *after = page.last().copied().or(*after);
                page
            }
            Ids::Ordered(order) => return order.next(&self.source, limit, progress),
            Ids::Unordered => {
                self.ids = Ids::Ordered(self.order(limit, progress.total)?);
                return self.next(progress);
            }
        };
        progress.done += page.len() as u64;
        Ok(if page.is_empty() { Next::End } else { Next::Ids(page) })
    }

    /// The order in which all objects of the source are looked at, about `total` of them.
    fn order(&mut self, limit: usize, total: u64) -> Result<Order<S>> {
        let sample = self.source.objects(None, limit)?;
        if sample.len() < limit {
            // They all come at once, and are sorted by their places then.
            return Ok(Order::by_id());
        }
        let places = self.source.locate_many(&sample)?;
        let absent = self.absent(sample.clone())?;
        let is_absent = |id: &ObjectId| absent.binary_search(id).is_ok();
        let sample = sample.iter().zip(places).filter_map(|(id, place)| Some((place?, is_absent(id))));
        Ok(Order::of_sample(sample, total.div_ceil(limit as u64)))
    }

    /// Takes those records of a pack that count, and whose objects are not here.
    fn take_records(&mut self, records: &[(ObjectId, Location)], progress: &mut Progress) -> Result<()> {
        let mut ids: Vec<ObjectId> = records.iter().map(|(id, _)| *id).collect();
        ids.dedup();
        let mut there = Vec::with_capacity(ids.len());
        for (id, location) in ids.iter().zip(self.source.locate_many(&ids)?) {
            let Some(location) = location else { continue };
            if records.binary_search_by_key(&(*id, location.place()), |(id, l)| (*id, l.place())).is_ok() {
                there.push((*id, location));
            }
        }
        if let Ids::Ordered(order) = &mut self.ids {
            order.met(there.len() as u64, progress);
        }
        let absent = self.absent(there.iter().map(|(id, _)| *id).collect())?;
        let absent = |(id, _): &(ObjectId, Location)| absent.binary_search(id).is_ok();
        self.packed.extend(there.into_iter().filter(absent).map(|(id, location)| (location, id)));
        Ok(())
    }

    fn absent(&mut self, ids: Vec<ObjectId>) -> Result<Vec<ObjectId>> {
        let known = self.packer.packed(&ids)?;
        let mut absent = Vec::new();
        for (id, _) in ids.into_iter().zip(known).filter(|(_, known)| !known) {
            if loose::size(&self.target.disk.dir, &id)?.is_none() {
                absent.push(id);
            }
        }
        Ok(absent)
    }

    /// Those that are damaged where a reader looks first, and have no sound loose copy.
    fn unsound(&mut self, ids: Vec<ObjectId>) -> Result<Vec<ObjectId>> {
        let Which::Damaged(proof) = &mut self.which else { return Ok(Vec::new()) };
        let places = self.packer.index().lookup_many(&ids, Trust::Quick)?;
        let mut unsound = Vec::new();
        for (id, place) in ids.into_iter().zip(places) {
            let sound = match place {
                Some(location) => proof.holds(&id, location)?,
                None => loose::is_sound(&self.target.disk, &id)?,
            };
            if !sound {
                self.damaged.extend(place.map(|place| (id, place)));
                unsound.push(id);
            }
        }
        Ok(unsound)
    }
}
