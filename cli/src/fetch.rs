//! Reading many objects in the order they are asked for, which is not the one that is fastest to read them in.

use std::collections::HashMap;
use std::ops::Range;

use loosepack::store::{Block, Found};
use loosepack::{Error, ObjectId, Store};

/// Bytes of objects that are read together, and are in memory until it is their turn.
pub(crate) const TOGETHER: usize = 32 << 20;

/// Objects that were read together.
pub(crate) struct Fetched<'a> {
    ids: &'a [ObjectId],
    blocks: Vec<Vec<u8>>,
    /// Where in the blocks the objects are, by the positions of their ids.
    places: Vec<Option<(usize, Range<usize>)>>,
    /// First positions of the ids: one that is there more than once is read once, for its first position.
    first: HashMap<&'a ObjectId, usize>,
}

impl<'a> Fetched<'a> {
    /// Reads objects, as many as fit into memory.
    ///
    /// # Errors
    /// Failures of the container; none that concern a single object.
    pub(crate) fn read(store: &dyn Store, ids: &'a [ObjectId]) -> Result<Self, Error> {
        let mut fetched = Fetched { ids, blocks: Vec::new(), places: vec![None; ids.len()], first: HashMap::new() };
        if ids.len() <= 1 {
            return Ok(fetched);
        }
        let mut batch = store.read_many(ids.to_vec())?;
        let mut size = 0;
        while size < TOGETHER {
            let Block { bytes, items } = batch.next_block()?;
            if items.is_empty() {
                break;
            }
            for (position, found) in items {
                if let Found::Bytes(range) = found {
                    fetched.places[position as usize] = Some((fetched.blocks.len(), range));
                }
            }
            size += bytes.len();
            fetched.blocks.push(bytes);
        }
        if fetched.places.contains(&None) {
            fetched.first.extend(ids.iter().enumerate().rev().map(|(position, id)| (id, position)));
        }
        Ok(fetched)
    }

    /// The objects in the order of their ids. One without bytes has to be read by itself: it is too large, or there is
    /// something wrong with it, which reading it tells.
    pub(crate) fn objects(&self) -> impl Iterator<Item = (&'a ObjectId, Option<&[u8]>)> {
        self.ids.iter().enumerate().map(|(position, id)| {
            let place = self.places[position].as_ref().or_else(|| self.places[*self.first.get(id)?].as_ref());
            (id, place.map(|(block, range)| &self.blocks[*block][range.clone()]))
        })
    }
}
