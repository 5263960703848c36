//! SHA-256, DEFLATE and zlib for the components, at the speed of the machine and on all its processors: what the crate
//! `loosepack` does natively.
//!
//! Written by hand instead of generated, so that bytes are read where they lie in the component's memory.

use std::sync::Arc;

use loosepack::codec::{self, Checking, Compressing, Decoding, Framing, Payload, Sha256};
use loosepack::{Compression, ObjectId};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType, WasmList};
use wasmtime_wasi::WasiView;

/// Where `wit/host/codec.wit` has it.
const INTERFACE: &str = "loosepack:host/codec@0.1.0";

type Digest = (u64, u64, u64, u64);

#[derive(ComponentType, Lift)]
#[component(record)]
struct Part {
    start: u32,
    length: u32,
}

#[derive(ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "made out of what a component passes")]
enum When {
    #[component(name = "never")]
    Never,
    #[component(name = "always")]
    Always,
    #[component(name = "auto")]
    Auto,
}

#[derive(ComponentType, Lift)]
#[component(record)]
struct PackedPayload {
    part: Part,
    size: u32,
    compressed: bool,
    expected: Option<Digest>,
    adler: Option<u32>,
}

/// Gives the interface `codec` to components.
pub(crate) fn add_to_linker<T: WasiView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let mut interface = linker.instance(INTERFACE)?;
    hashing(&mut interface)?;
    compressing(&mut interface)?;
    framing(&mut interface)?;
    decoding(&mut interface)?;
    checking(&mut interface)
}

fn hashing<T: WasiView + 'static>(codec: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    codec.func_wrap("sha256", |store, (data,): (WasmList<u8>,)| {
        Ok((digest(codec::sha256(data.as_le_slice(&store))),))
    })?;
    codec.func_wrap("sha256-many", |mut store: StoreContextMut<'_, T>, (data,): (WasmList<WasmList<u8>>,)| {
        let mut digests = Vec::with_capacity(data.len());
        for number in 0..data.len() {
            let data = data.get(&mut store, number).ok_or_else(|| wasmtime::format_err!("a list is shorter"))??;
            digests.push(digest(codec::sha256(data.as_le_slice(&store))));
        }
        Ok((digests,))
    })?;
    resource::<Sha256, T>(codec, "sha256-state")?;
    codec.func_wrap("[constructor]sha256-state", |mut store: StoreContextMut<'_, T>, (): ()| {
        Ok((store.data_mut().ctx().table.push(Sha256::default())?,))
    })?;
    codec.func_wrap(
        "[method]sha256-state.update",
        |mut store: StoreContextMut<'_, T>, (state, data): (Resource<Sha256>, WasmList<u8>)| {
            // Out of the table meanwhile: the table and the component's memory belong to one store.
            let mut hash = std::mem::take(store.data_mut().ctx().table.get_mut(&state)?);
            hash.update(data.as_le_slice(&store));
            *store.data_mut().ctx().table.get_mut(&state)? = hash;
            Ok(())
        },
    )?;
    finish(codec, "sha256-state", |state: Sha256| digest(state.finish()))
}

fn compressing<T: WasiView + 'static>(codec: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    resource::<Compressing, T>(codec, "compressing")?;
    codec.func_wrap(
        "[static]compressing.start",
        |mut store: StoreContextMut<'_, T>, (contents, parts, level, when): (WasmList<u8>, Vec<Part>, u8, When)| {
            let contents = contents.as_le_slice(&store).to_vec();
            let mut ranges = Vec::with_capacity(parts.len());
            for part in parts {
                let range = range(part)?;
                if range.end as usize > contents.len() {
                    return Err(wasmtime::format_err!("a part lies outside of the contents"));
                }
                ranges.push(range);
            }
            let compression = match when {
                When::Never => Compression::Never,
                When::Always => Compression::Always,
                When::Auto => Compression::Auto,
            };
            let compressing = Compressing::start(Arc::new(contents), ranges, self::level(level)?, compression);
            Ok((store.data_mut().ctx().table.push(compressing)?,))
        },
    )?;
    finish(codec, "compressing", Compressing::finish)
}

fn framing<T: WasiView + 'static>(codec: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    resource::<Framing, T>(codec, "framing")?;
    codec.func_wrap(
        "[static]framing.start",
        |mut store: StoreContextMut<'_, T>, (data, level, last): (WasmList<u8>, u8, bool)| {
            let framing = Framing::start(data.as_le_slice(&store).to_vec(), self::level(level)?, last);
            Ok((store.data_mut().ctx().table.push(framing)?,))
        },
    )?;
    finish(codec, "framing", Framing::finish)
}

fn decoding<T: WasiView + 'static>(codec: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    resource::<Decoding, T>(codec, "decoding")?;
    start(codec, "decoding", |bytes, payloads| Decoding::start(bytes, payloads))?;
    finish(codec, "decoding", Decoding::finish)
}

fn checking<T: WasiView + 'static>(codec: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    resource::<Checking, T>(codec, "checking")?;
    start(codec, "checking", |bytes, payloads| Checking::start(bytes, payloads))?;
    finish(codec, "checking", Checking::finish)
}

/// The function of a resource that starts to work on payloads.
fn start<T: WasiView + 'static, S: Send + 'static>(
    codec: &mut LinkerInstance<'_, T>,
    name: &str,
    start: impl Fn(&[u8], Vec<Payload>) -> S + Send + Sync + 'static,
) -> wasmtime::Result<()> {
    codec.func_wrap(
        &format!("[static]{name}.start"),
        move |mut store: StoreContextMut<'_, T>, (bytes, payloads): (WasmList<u8>, Vec<PackedPayload>)| {
            let started = start(bytes.as_le_slice(&store), self::payloads(payloads)?);
            Ok((store.data_mut().ctx().table.push(started)?,))
        },
    )
}

fn payloads(payloads: Vec<PackedPayload>) -> wasmtime::Result<Vec<Payload>> {
    let payload = |PackedPayload { part, size, compressed, expected, adler }: PackedPayload| {
        Ok(Payload { range: range(part)?, size, compressed, expected: expected.map(id), adler })
    };
    payloads.into_iter().map(payload).collect()
}

/// The function of a resource that consumes it.
fn finish<T: WasiView + 'static, S: Send + 'static, R: ComponentType + Lower + Send + Sync + 'static>(
    codec: &mut LinkerInstance<'_, T>,
    name: &str,
    finish: impl Fn(S) -> R + Send + Sync + 'static,
) -> wasmtime::Result<()> {
    codec.func_wrap(
        &format!("[static]{name}.finish"),
        move |mut store: StoreContextMut<'_, T>, (this,): (Resource<S>,)| {
            Ok((finish(store.data_mut().ctx().table.delete(this)?),))
        },
    )
}

/// Declares a resource whose values lie in the table.
fn resource<S: Send + 'static, T: WasiView + 'static>(
    codec: &mut LinkerInstance<'_, T>,
    name: &str,
) -> wasmtime::Result<()> {
    codec.resource(name, ResourceType::host::<S>(), |mut store, rep| {
        store.data_mut().ctx().table.delete(Resource::<S>::new_own(rep))?;
        Ok(())
    })
}

fn range(part: Part) -> wasmtime::Result<std::ops::Range<u32>> {
    let end = part.start.checked_add(part.length).ok_or_else(|| wasmtime::format_err!("a part is too long"))?;
    Ok(part.start..end)
}

fn level(level: u8) -> wasmtime::Result<u8> {
    if (1..=9).contains(&level) { Ok(level) } else { Err(wasmtime::format_err!("there is no level {level}")) }
}

fn digest(id: ObjectId) -> Digest {
    let number = |index: usize| {
        let mut number = [0; 8];
        number.copy_from_slice(&id.as_bytes()[8 * index..][..8]);
        u64::from_be_bytes(number)
    };
    (number(0), number(1), number(2), number(3))
}

fn id((a, b, c, d): Digest) -> ObjectId {
    let mut bytes = [0; ObjectId::LEN];
    for (bytes, number) in bytes.chunks_exact_mut(8).zip([a, b, c, d]) {
        bytes.copy_from_slice(&number.to_be_bytes());
    }
    ObjectId::from_bytes(bytes)
}
