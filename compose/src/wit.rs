//! The WIT package as one file: WIT in its binary form with its documentation, as `wkg build` makes it.

use std::path::Path;

use toml::Table;
use wasm_metadata::{AddMetadata, AddMetadataField};
use wit_parser::Resolve;

use crate::failure::{Failure, Result, read, write};

/// Writes the package of a folder, with the packages it depends on, and the metadata that `wkg.toml` gives.
pub(crate) fn encode(folder: &Path, manifest: &Path, out: &Path) -> Result<()> {
    let what = || format!("make a package of {}", folder.display());
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(folder).map_err(|error| Failure::cannot(what(), format_args!("{error:#}")))?;
    let encoded =
        wit_component::encode(&resolve, package).map_err(|error| Failure::cannot(what(), format_args!("{error:#}")))?;
    let name = &resolve.packages[package].name;
    let mut metadata = metadata(manifest)?;
    metadata.name = AddMetadataField::Set(format!("{}:{}", name.namespace, name.name));
    if let Some(version) = &name.version {
        metadata.version = AddMetadataField::Set(parse(manifest, "version", &version.to_string())?);
    }
    let encoded = metadata.to_wasm(&encoded).map_err(|error| Failure::cannot(what(), format_args!("{error:#}")))?;
    write(out, &encoded)
}

/// The table `metadata` of `wkg.toml`.
fn metadata(manifest: &Path) -> Result<AddMetadata> {
    let what = || format!("read {}", manifest.display());
    let text = String::from_utf8(read(manifest)?).map_err(|error| Failure::cannot(what(), error))?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| Failure::cannot(what(), error))?;
    let mut metadata = AddMetadata::default();
    let given = table.get("metadata").and_then(|value| value.as_table()).into_iter().flatten();
    for (key, value) in given {
        let value = value.as_str().ok_or_else(|| Failure::cannot(what(), format_args!("{key} is no text")))?;
        match key.as_str() {
            "authors" => metadata.authors = AddMetadataField::Set(parse(manifest, key, value)?),
            "description" => metadata.description = AddMetadataField::Set(parse(manifest, key, value)?),
            "licenses" => metadata.licenses = AddMetadataField::Set(parse(manifest, key, value)?),
            "source" => metadata.source = AddMetadataField::Set(parse(manifest, key, value)?),
            "homepage" => metadata.homepage = AddMetadataField::Set(parse(manifest, key, value)?),
            _ => return Err(Failure::cannot(what(), format_args!("`{key}` of [metadata] is not known"))),
        }
    }
    Ok(metadata)
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(manifest: &Path, key: &str, value: &str) -> Result<T> {
    let what = || format!("use `{key} = {value:?}` of {}", manifest.display());
    value.parse().map_err(|error| Failure::cannot(what(), error))
}
