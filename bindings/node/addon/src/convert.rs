//! Values of JavaScript as those of the store, and back.

use loosepack_host::{Compression, Finding, ObjectId, ObjectInfo, PackInfo, Placement, Progress, Stats, StoreError};
use napi::Env;
use napi::JsValue as _;
use napi::bindgen_prelude::{Array, BufferSlice, FromNapiValue, Uint8ArraySlice};
use napi_derive::napi;

use crate::errors::{Result, invalid, of};

/// An ID, of its text.
///
/// # Errors
/// `invalid-id`.
pub(crate) fn id(text: &str) -> Result<ObjectId> {
    let invalid = || of(StoreError::InvalidId(text.into()).into());
    ObjectId::from_hex(text.as_bytes()).ok_or_else(invalid)
}

/// IDs, of their digests one after the other.
///
/// # Errors
/// `invalid-argument`.
pub(crate) fn ids(digests: &[u8]) -> Result<Vec<ObjectId>> {
    ObjectId::many_from_bytes(digests).ok_or_else(|| invalid("digests have 32 bytes each"))
}

/// The digests of IDs.
///
/// # Errors
/// Those of [`buffer`].
pub(crate) fn digests<'env>(env: &'env Env, ids: &[ObjectId]) -> Result<BufferSlice<'env>> {
    buffer(env, &ObjectId::many_to_bytes(ids))
}

/// Bytes as a buffer of JavaScript, in memory that is freed when the buffer is collected. Memory of ours in its place
/// would be freed in a later turn of Node's event loop: a loop that waits for nothing would keep all that it has read.
///
/// # Errors
/// Those of Node, for lack of memory.
pub(crate) fn buffer<'env>(env: &'env Env, bytes: &[u8]) -> Result<BufferSlice<'env>> {
    BufferSlice::copy_from(env, bytes).map_err(|error| of(StoreError::Other(error.reason.clone()).into()))
}

/// The elements of an array, whatever length it claims to have.
///
/// # Errors
/// `invalid-argument` for one of another type.
pub(crate) fn elements<T: FromNapiValue>(array: &Array<'_>) -> Result<Vec<T>> {
    let mut elements = Vec::new();
    for index in 0..array.len() {
        let element = array.get(index).ok().flatten();
        elements.push(element.ok_or_else(|| invalid(format!("element {index} is of a wrong type")))?);
    }
    Ok(elements)
}

/// The bytes of an array of buffers.
///
/// # Errors
/// `invalid-argument` for an element of another type.
pub(crate) fn contents<'env>(array: &Array<'env>) -> Result<Vec<&'env [u8]>> {
    // Reading an element may run JavaScript, which may take the memory of an earlier one away: where their bytes are is
    // asked when all have been read, which runs none.
    let buffers: Vec<Uint8ArraySlice<'env>> = elements(array)?;
    let bytes = |buffer: &Uint8ArraySlice<'env>| {
        let value = buffer.value();
        // SAFETY: it is a value of this call, and of this type.
        let bytes = unsafe { <&'env [u8]>::from_napi_value(value.env, value.value) };
        bytes.map_err(|error| invalid(error.reason.clone()))
    };
    buffers.iter().map(bytes).collect()
}

/// When to compress.
///
/// # Errors
/// `invalid-argument`.
pub(crate) fn compression(text: &str) -> Result<Compression> {
    match text {
        "never" => Ok(Compression::Never),
        "always" => Ok(Compression::Always),
        "auto" => Ok(Compression::Auto),
        _ => Err(invalid(format!("compression is 'never', 'always' or 'auto', not {text:?}"))),
    }
}

/// A number of JavaScript that has been checked: what is out of range becomes the nearest that is in it.
pub(crate) fn whole(number: f64) -> u64 {
    number as u64
}

/// The size of an object, and of a packed one its place. Numbers are those of JavaScript: sizes are far below 2^53.
#[napi(object)]
pub struct Info {
    pub size: f64,
    pub place: Option<Place>,
}

/// The place of a packed object.
#[napi(object)]
pub struct Place {
    pub pack: u32,
    pub offset: f64,
    pub length: f64,
    pub compressed: bool,
}

impl From<ObjectInfo> for Info {
    fn from(info: ObjectInfo) -> Self {
        let place = match info.placement {
            Placement::Loose => None,
            Placement::Packed(place) => Some(Place {
                pack: place.pack,
                offset: place.offset as f64,
                length: place.length as f64,
                compressed: place.compressed(),
            }),
        };
        Info { size: info.size as f64, place }
    }
}

/// Counts and sizes.
#[napi(object)]
pub struct Counts {
    pub packed_objects: f64,
    pub packed_size: f64,
    pub packed_length: f64,
    pub loose_objects: f64,
    pub loose_size: f64,
    pub loose_packed: f64,
    pub packs: f64,
    pub packs_size: f64,
    pub packs_dead: f64,
    pub index_size: f64,
    pub unfinished: f64,
    pub unfinished_size: f64,
}

impl From<Stats> for Counts {
    fn from(stats: Stats) -> Self {
        Counts {
            packed_objects: stats.packed_objects as f64,
            packed_size: stats.packed_size as f64,
            packed_length: stats.packed_length as f64,
            loose_objects: stats.loose_objects as f64,
            loose_size: stats.loose_size as f64,
            loose_packed: stats.loose_packed as f64,
            packs: stats.packs as f64,
            packs_size: stats.packs_size as f64,
            packs_dead: stats.packs_dead as f64,
            index_size: stats.index_size as f64,
            unfinished: stats.unfinished as f64,
            unfinished_size: stats.unfinished_size as f64,
        }
    }
}

/// A pack.
#[napi(object)]
pub struct Pack {
    pub number: u32,
    pub size: f64,
    pub objects: f64,
    pub live: f64,
}

impl From<PackInfo> for Pack {
    fn from(pack: PackInfo) -> Self {
        let PackInfo { number, size, objects, live } = pack;
        Pack { number, size: size as f64, objects: objects as f64, live: live as f64 }
    }
}

/// Something found out about a file.
#[napi(object)]
pub struct Found {
    pub file: String,
    pub message: String,
}

/// What a step of a job did.
#[napi(object)]
pub struct Step {
    pub finished: bool,
    pub done: f64,
    pub total: f64,
    pub objects: f64,
    pub bytes: f64,
    pub problems: Vec<Found>,
    pub notes: Vec<Found>,
    pub unread: Vec<Found>,
}

impl From<Progress> for Step {
    fn from(progress: Progress) -> Self {
        let Progress { finished, done, total, objects, bytes, problems, notes, unread } = progress;
        Step {
            finished,
            done: done as f64,
            total: total as f64,
            objects: objects as f64,
            bytes: bytes as f64,
            problems: found(problems),
            notes: found(notes),
            unread: found(unread),
        }
    }
}

fn found(findings: Vec<Finding>) -> Vec<Found> {
    findings.into_iter().map(|Finding { file, message }| Found { file, message }).collect()
}
