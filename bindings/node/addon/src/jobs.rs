//! Long operations, in steps that JavaScript drives.

use napi_derive::napi;

use crate::convert::Step;
use crate::errors::{Result, of};
use crate::slots::Slot;

/// A job under way.
#[napi]
pub struct Job(pub(crate) Slot<loosepack_host::Job>);

#[napi]
impl Job {
    /// Does a bounded piece of the work.
    #[napi(catch_unwind)]
    pub fn step(&self) -> Result<Step> {
        Ok(self.0.with(|job| job.step().map_err(of))?.into())
    }

    /// Gives it up. What its steps have committed stays.
    #[napi(catch_unwind)]
    pub fn dispose(&self) {
        drop(self.0.take());
    }
}
