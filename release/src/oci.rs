//! OCI image layouts of components: what registries take.
//!
//! A layout (OCI image specification 1.1) is a folder with one manifest in `index.json`. The media types and the config
//! are those of the CNCF's "Wasm OCI Artifact layout", which `wkg`, wasmtime and others read.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::str::FromStr as _;

use anyhow::{Context as _, Result, bail, ensure};
use oci_spec::image::{
    ANNOTATION_CREATED, ANNOTATION_DESCRIPTION, ANNOTATION_LICENSES, ANNOTATION_REF_NAME, ANNOTATION_SOURCE,
    ANNOTATION_TITLE, ANNOTATION_VERSION, Descriptor, ImageIndex, ImageIndexBuilder, ImageManifest,
    ImageManifestBuilder, MediaType, OciLayout, OciLayoutBuilder, SCHEMA_VERSION, Sha256Digest,
};
use serde::{Deserialize, Serialize};
use wasmparser::{ComponentExport, ComponentImport, Encoding, Parser, Payload};

use crate::Release;
use crate::release::{LICENSE, REPOSITORY, read, sha256, write};

/// The media type of the config.
pub const CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// The media type of a component or a WIT package.
pub const WASM: &str = "application/wasm";

/// The version of the layout of the folder.
const LAYOUT_VERSION: &str = "1.0.0";

/// The config: what a component is, for those who have not fetched it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// When the release was made (RFC 3339).
    pub created: String,
    /// Always `wasm`.
    pub architecture: String,
    /// Always `wasip2`: a component.
    pub os: String,
    /// The digest of the layer.
    pub layer_digests: Vec<String>,
    /// The contract of the component.
    pub component: Contract,
}

/// The names of what a component exports and imports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// Interfaces and functions that it offers.
    pub exports: Vec<String>,
    /// Interfaces and functions that it needs.
    pub imports: Vec<String>,
}

/// A component that was read from a layout.
#[derive(Debug)]
pub struct Component {
    /// Its bytes.
    pub wasm: Vec<u8>,
    /// What the layout says of it.
    pub config: Config,
    /// The tag: the version.
    pub tag: String,
}

/// Writes a layout of a component or a WIT package, in place of what is there. Its tag is the version.
///
/// # Errors
/// When the bytes are neither; failures to write.
pub fn write_layout(layout: &Path, wasm: &[u8], title: &str, description: &str, release: &Release) -> Result<()> {
    match fs::remove_dir_all(layout) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", layout.display()));
        }
        _ => {}
    }
    let contract = contract(wasm).with_context(|| format!("{title} is no component"))?;
    let layer = write_blob(layout, WASM, wasm)?;
    let config = Config {
        created: release.time()?,
        architecture: "wasm".into(),
        os: "wasip2".into(),
        layer_digests: vec![layer.digest().to_string()],
        component: contract,
    };
    let annotations = [
        (ANNOTATION_TITLE, title),
        (ANNOTATION_DESCRIPTION, description),
        (ANNOTATION_VERSION, &release.version),
        (ANNOTATION_LICENSES, LICENSE),
        (ANNOTATION_SOURCE, REPOSITORY),
        (ANNOTATION_CREATED, &config.created),
    ];
    let manifest = ImageManifestBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageManifest)
        .config(write_blob(layout, CONFIG, &json(&config)?)?)
        .layers([layer])
        .annotations(
            annotations.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect::<HashMap<_, _>>(),
        )
        .build()?;
    let mut manifest = write_blob(layout, MediaType::ImageManifest.as_ref(), &json(&manifest)?)?;
    manifest.set_annotations(Some(HashMap::from([(ANNOTATION_REF_NAME.to_owned(), release.version.clone())])));
    let index = ImageIndexBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageIndex)
        .manifests([manifest])
        .build()?;
    write(&layout.join("index.json"), &json(&index)?)?;
    let marker = OciLayoutBuilder::default().image_layout_version(LAYOUT_VERSION).build()?;
    write(&layout.join("oci-layout"), &json(&marker)?)
}

/// Reads a layout back and checks it: versions, media types, and size and digest of every blob.
///
/// # Errors
/// Whatever is not as it should be, with the file's name.
pub fn read_layout(layout: &Path) -> Result<Component> {
    let marker = OciLayout::from_file(layout.join("oci-layout"))?;
    ensure!(marker.image_layout_version() == LAYOUT_VERSION, "{} is of another version", layout.display());
    let index = ImageIndex::from_file(layout.join("index.json"))?;
    let [descriptor] = &index.manifests()[..] else { bail!("{} has not exactly one manifest", layout.display()) };
    let tag = descriptor.annotations().as_ref().and_then(|annotations| annotations.get(ANNOTATION_REF_NAME));
    let tag = tag.with_context(|| format!("{} has no tag", layout.display()))?.clone();
    let manifest = read_blob(layout, descriptor, MediaType::ImageManifest.as_ref())?;
    let manifest = ImageManifest::from_reader(&manifest[..])?;
    let [layer] = &manifest.layers()[..] else { bail!("{} has not exactly one layer", layout.display()) };
    let wasm = read_blob(layout, layer, WASM)?;
    let config: Config = serde_json::from_slice(&read_blob(layout, manifest.config(), CONFIG)?)?;
    ensure!(
        config.layer_digests == [layer.digest().to_string()],
        "the config of {} names other layers",
        layout.display()
    );
    ensure!(config.component == contract(&wasm)?, "the config of {} tells of another contract", layout.display());
    Ok(Component { wasm, config, tag })
}

/// Text whose order does not depend on that of a `HashMap`.
fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec_pretty(&serde_json::to_value(value)?)?)
}

fn write_blob(layout: &Path, media_type: &str, bytes: &[u8]) -> Result<Descriptor> {
    let digest = sha256(bytes);
    write(&layout.join("blobs/sha256").join(&digest), bytes)?;
    Ok(Descriptor::new(MediaType::from(media_type), bytes.len() as u64, Sha256Digest::from_str(&digest)?))
}

fn read_blob(layout: &Path, descriptor: &Descriptor, media_type: &str) -> Result<Vec<u8>> {
    let digest = descriptor.digest();
    ensure!(
        descriptor.media_type().as_ref() == media_type,
        "{digest} is {}, not {media_type}",
        descriptor.media_type()
    );
    let path = layout.join("blobs").join(digest.algorithm().as_ref()).join(digest.digest());
    let bytes = read(&path)?;
    ensure!(bytes.len() as u64 == descriptor.size(), "{} has not {} bytes", path.display(), descriptor.size());
    ensure!(sha256(&bytes) == digest.digest(), "{} is damaged: its digest is another", path.display());
    Ok(bytes)
}

/// What a component, or a WIT package, exports and imports itself: not what is nested in it.
fn contract(wasm: &[u8]) -> Result<Contract> {
    let mut contract = Contract { exports: Vec::new(), imports: Vec::new() };
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::Version { encoding: Encoding::Component, .. } => depth += 1,
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => bail!("it is a module"),
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    let ComponentImport { name, .. } = import?;
                    contract.imports.push(name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    let ComponentExport { name, .. } = export?;
                    contract.exports.push(name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(contract)
}
