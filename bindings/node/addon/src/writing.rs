//! Objects that are being added.

use std::path::PathBuf;

use loosepack_host::{Container, ObjectId};
use napi::Env;
use napi::bindgen_prelude::{Array, BufferSlice};
use napi_derive::napi;

use crate::convert;
use crate::errors::{self, Result, of, payload};
use crate::slots::Slot;

/// Bytes above which a content passes to the sandbox in pieces: it keeps the memory that it once had.
const WHOLE_MAX: usize = 8 << 20;

/// Adds bytes as a loose object.
pub(crate) fn add(container: &Container, content: &[u8]) -> loosepack_host::Result<ObjectId> {
    if content.len() <= WHOLE_MAX { container.add(content) } else { container.add_reader(content) }
}

/// Adds contents as loose objects; large ones by themselves.
pub(crate) fn add_many(container: &Container, contents: &[&[u8]]) -> loosepack_host::Result<Vec<ObjectId>> {
    let mut ids = Vec::with_capacity(contents.len());
    for group in contents.chunk_by(|a, b| a.len().max(b.len()) <= WHOLE_MAX) {
        match group {
            [large] if large.len() > WHOLE_MAX => ids.push(container.add_reader(*large)?),
            group => ids.append(&mut container.add_many(group)?),
        }
    }
    Ok(ids)
}

/// What came of a file that was to be added: its ID, or a failure as JSON.
#[napi(object)]
pub struct Added {
    pub id: Option<String>,
    pub failure: Option<String>,
}

impl From<loosepack_host::Result<ObjectId>> for Added {
    fn from(result: loosepack_host::Result<ObjectId>) -> Self {
        match result {
            Ok(id) => Added { id: Some(id.to_text()), failure: None },
            Err(error) => Added { id: None, failure: Some(payload(&error).to_string()) },
        }
    }
}

/// A loose object that is being written.
#[napi]
pub struct ObjectWriter(pub(crate) Slot<loosepack_host::ObjectWriter>);

#[napi]
impl ObjectWriter {
    #[napi(catch_unwind)]
    pub fn write(&self, content: &[u8]) -> Result<()> {
        self.0.with(|writer| writer.append(content).map_err(of))
    }

    #[napi(catch_unwind)]
    pub fn finish(&self) -> Result<String> {
        Ok(self.0.take()?.finish().map_err(of)?.to_text())
    }

    /// Gives it up, if it is not finished.
    #[napi(catch_unwind)]
    pub fn dispose(&self) {
        drop(self.0.take());
    }
}

/// Writes objects straight to packs.
#[napi]
pub struct PackWriter(pub(crate) Slot<loosepack_host::PackWriter>);

#[napi]
impl PackWriter {
    #[napi(catch_unwind)]
    pub fn add(&self, content: &[u8]) -> Result<String> {
        Ok(self.0.with(|writer| writer.add(content).map_err(of))?.to_text())
    }

    /// Appends contents. Returns their digests.
    #[napi(catch_unwind)]
    pub fn add_many<'env>(&self, env: &'env Env, contents: Array<'_>) -> Result<BufferSlice<'env>> {
        let contents = convert::contents(&contents)?;
        convert::digests(env, &self.0.with(|writer| writer.add_many(&contents).map_err(of))?)
    }

    /// Appends files of a directory. Returns what came of each.
    #[napi(catch_unwind)]
    pub fn add_files(&self, directory: String, names: Array<'_>) -> Result<Vec<Added>> {
        let (directory, names) = (PathBuf::from(directory), convert::elements(&names)?);
        let failed = |error| errors::of_directory(error, &directory);
        let results = self.0.with(|writer| writer.add_files(&directory, &names).map_err(failed))?;
        Ok(results.into_iter().map(Added::from).collect())
    }

    #[napi(catch_unwind)]
    pub fn commit(&self) -> Result<()> {
        self.0.with(|writer| writer.commit().map_err(of))
    }

    #[napi(catch_unwind)]
    pub fn finish(&self) -> Result<()> {
        self.0.take()?.finish().map_err(of)
    }

    /// Gives up what was not committed, and frees the pack lock.
    #[napi(catch_unwind)]
    pub fn dispose(&self) {
        drop(self.0.take());
    }
}
