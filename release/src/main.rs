//! `loosepack-release VERSION SECONDS TARGET DIST`: adds to the folder `dist/` what is made of what is in it.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use loosepack_release::archive::{Entry, write_archive};
use loosepack_release::{Release, oci, sbom, sums};

/// What registries get, and what it is.
const COMPONENTS: [(&str, &str); 3] = [
    ("loosepack", "A content-addressed object store: the library, for any WASI host and for other components"),
    ("loosepack-wit", "A content-addressed object store: the contract, for components that import it"),
    ("loosepack-cli", "A content-addressed object store: the command, for any WASI runtime"),
];

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [version, seconds, target, dist] = &arguments[..] else {
        bail!("usage: loosepack-release VERSION SECONDS TARGET DIST");
    };
    let seconds = seconds.parse().with_context(|| format!("`{seconds}` is no number of seconds since 1970"))?;
    make(&Release { version: version.clone(), seconds }, target, dist.as_ref())
}

fn make(release: &Release, target: &str, dist: &Path) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (name, description) in COMPONENTS {
        let component = dist.join(name).with_extension("wasm");
        let wasm = std::fs::read(&component).with_context(|| format!("cannot read {}", component.display()))?;
        let layout = dist.join("oci").join(name);
        oci::write_layout(&layout, &wasm, name, description, release)?;
        oci::read_layout(&layout)?;
    }
    let name = format!("loosepack-{}-{target}", release.version);
    write_archive(&dist.join(format!("{name}.tar.gz")), &command(&root, &name, dist), release)?;
    sbom::write_sbom(&dist.join(format!("{name}.cdx.json")), &root, target, release)?;
    let files = sums::write_sums(dist)?;
    println!("{}: {files} files with their checksums in {}", dist.display(), sums::NAME);
    Ok(())
}

/// What the archive of the command holds.
fn command(root: &Path, name: &str, dist: &Path) -> Vec<Entry> {
    let binary = format!("loosepack{}", env::consts::EXE_SUFFIX);
    let entry = |inside: &str, path: PathBuf, is_program| Entry { name: format!("{name}/{inside}"), path, is_program };
    let mut entries = vec![
        entry(&binary, root.join("target/release").join(&binary), true),
        entry("man", dist.join("man"), false),
        entry("completions", dist.join("completions"), false),
    ];
    for file in ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"] {
        entries.push(entry(file, root.join(file), false));
    }
    entries
}
