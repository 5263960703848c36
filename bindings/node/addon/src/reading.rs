//! Objects that are being read.

use loosepack::store::Found;
use loosepack_host::{ObjectBatch, ObjectId, ObjectReader};
use napi::Env;
use napi::bindgen_prelude::BufferSlice;
use napi_derive::napi;
use serde_json::json;

use crate::convert;
use crate::errors::{Result, invalid, of, payload};
use crate::slots::{Slot, Slots};

/// An object that is being read piece by piece.
#[napi]
pub struct Reader(pub(crate) Slot<ObjectReader>);

#[napi]
impl Reader {
    #[napi(catch_unwind)]
    pub fn size(&self) -> Result<f64> {
        self.0.with(|reader| Ok(reader.size() as f64))
    }

    /// Fills a buffer with the next bytes, and returns their number: less than there is room for at the end alone.
    #[napi(catch_unwind)]
    pub fn fill(&self, mut room: BufferSlice<'_>) -> Result<f64> {
        self.0.with(|reader| {
            let mut filled = 0;
            while filled < room.len() {
                match reader.fill(&mut room[filled..]).map_err(of)? {
                    0 => break,
                    len => filled += len,
                }
            }
            Ok(filled as f64)
        })
    }

    /// Continues at this byte.
    #[napi(catch_unwind)]
    pub fn seek(&self, position: f64) -> Result<()> {
        self.0.with(|reader| reader.go_to(convert::whole(position)).map_err(of))
    }

    #[napi(catch_unwind)]
    pub fn dispose(&self) {
        drop(self.0.take());
    }
}

/// Many objects that are being read.
#[napi]
pub struct Batch(Slot<Asked>);

struct Asked {
    batch: ObjectBatch,
    /// For each of the IDs of the batch, its position among those that were asked for.
    positions: Vec<u32>,
}

/// Some objects, as the contract has them.
#[napi(object)]
pub struct Block<'env> {
    pub bytes: BufferSlice<'env>,
    pub lengths: Vec<u32>,
    pub positions: Vec<u32>,
    pub others: Vec<Other>,
}

/// Why there are no bytes for an ID: the contract's `without` as JSON.
#[napi(object)]
pub struct Other {
    pub position: u32,
    pub reason: String,
}

impl Batch {
    /// Starts to read.
    pub(crate) fn start(
        slots: &Slots,
        ids: Vec<ObjectId>,
        read: impl FnOnce(&[ObjectId]) -> Result<ObjectBatch>,
    ) -> Result<Self> {
        let number = u32::try_from(ids.len()).map_err(|_| invalid("too many IDs: read them in several calls"))?;
        let mut sorted: Vec<(ObjectId, u32)> = ids.into_iter().zip(0..number).collect();
        sorted.sort_unstable();
        // The first of those that are the same has the least position.
        sorted.dedup_by_key(|(id, _)| *id);
        let (ids, positions): (Vec<ObjectId>, Vec<u32>) = sorted.into_iter().unzip();
        Ok(Batch(slots.keep(Asked { batch: read(&ids)?, positions })))
    }
}

#[napi]
impl Batch {
    /// The next objects; none at all when each ID has been answered.
    #[napi(catch_unwind)]
    pub fn next<'env>(&self, env: &'env Env) -> Result<Block<'env>> {
        self.0.with(|Asked { batch, positions }| {
            let block = batch.next_block().map_err(of)?;
            let (mut lengths, mut places, mut others) = (Vec::new(), Vec::new(), Vec::new());
            for (position, found) in &block.items {
                let position = positions.get(*position as usize).copied();
                let position = position.ok_or_else(|| invalid("the component answered for another ID"))?;
                let reason = match found {
                    Found::Bytes(range) => {
                        // One after the other in the block, each of less than 4 GiB.
                        lengths.push(range.len() as u32);
                        places.push(position);
                        continue;
                    }
                    Found::TooLarge(size) => json!({ "tag": "too-large", "val": size }),
                    Found::Missing => json!({ "tag": "missing" }),
                    Found::Failed(error) => json!({ "tag": "failed", "val": payload(&error.clone().into()) }),
                };
                others.push(Other { position, reason: reason.to_string() });
            }
            Ok(Block { bytes: convert::buffer(env, &block.bytes)?, lengths, positions: places, others })
        })
    }

    #[napi(catch_unwind)]
    pub fn dispose(&self) {
        drop(self.0.take());
    }
}
