//! The SBOM of the command, as CycloneDX 1.5: every crate that is compiled into it, natively or into the component that
//! it runs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use cyclonedx_bom::external_models::normalized_string::NormalizedString;
use cyclonedx_bom::external_models::spdx::SpdxExpression;
use cyclonedx_bom::external_models::uri::{Purl, Uri};
use cyclonedx_bom::models::bom::SpecVersion;
use cyclonedx_bom::models::component::{Classification, Components, Scope};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::external_reference::{ExternalReference, ExternalReferenceType, ExternalReferences};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{License, LicenseChoice, Licenses};
use cyclonedx_bom::models::tool::{Tool, Tools};
use cyclonedx_bom::prelude::{Bom, Component, DateTime, Validate as _};
use serde::Deserialize;

use crate::Release;
use crate::release::{read, write};

/// The package whose binary the command is, and that in whose bytes it has the component.
const COMMAND: &str = "loosepack-host";
const CARRIER: &str = "loosepack-artifacts";

/// The package that the component is compiled from, and how.
const STORE: &str = "loosepack";
const STORE_TARGET: &str = "wasm32-wasip2";
const STORE_OPTIONS: [&str; 3] = ["--no-default-features", "--features", "component,hosted"];

/// Crates by name and version, and what each needs.
struct Graph {
    packages: BTreeMap<String, Package>,
    needs: BTreeMap<String, BTreeSet<String>>,
}

/// Writes the SBOM of the command for this target, of the workspace in `root`.
///
/// # Errors
/// Those of `cargo metadata`; when the result is not valid CycloneDX.
pub fn write_sbom(path: &Path, root: &Path, target: &str, release: &Release) -> Result<()> {
    let bom = sbom(root, target, release)?;
    let validation = bom.validate_version(SpecVersion::V1_5);
    ensure!(validation.passed(), "the SBOM is not valid CycloneDX: {validation:?}");
    let mut text = Vec::new();
    bom.output_as_json_v1_5(&mut text)?;
    text.push(b'\n');
    write(path, &text)
}

fn sbom(root: &Path, target: &str, release: &Release) -> Result<Bom> {
    let mut graph = Graph { packages: BTreeMap::new(), needs: BTreeMap::new() };
    let command = graph.add(root, COMMAND, target, &[])?;
    let store = graph.add(root, STORE, STORE_TARGET, &STORE_OPTIONS)?;
    let carrier = graph.packages.iter().find(|(_, package)| *package.name == CARRIER).map(|(key, _)| key.clone());
    graph
        .needs
        .entry(carrier.with_context(|| format!("{COMMAND} does not need {CARRIER}"))?)
        .or_default()
        .insert(store);

    let checksums = checksums(root)?;
    let mut components = Vec::new();
    for (key, package) in &graph.packages {
        components.push(component(key, package, checksums.get(key))?);
    }
    let main = components.iter().position(|component| component.bom_ref.as_ref() == Some(&command));
    let mut main = components.remove(main.context("the command is among what it consists of")?);
    main.component_type = Classification::Application;

    let dependencies = graph
        .needs
        .into_iter()
        .map(|(key, needs)| Dependency { dependency_ref: key, dependencies: needs.into_iter().collect() });
    Ok(Bom {
        // Random by default.
        serial_number: None,
        spec_version: SpecVersion::V1_5,
        metadata: Some(cyclonedx_bom::models::metadata::Metadata {
            timestamp: Some(DateTime::try_from(release.time()?)?),
            tools: Some(Tools::List(vec![Tool::new("loosepack", env!("CARGO_PKG_NAME"), &release.version)])),
            component: Some(main),
            ..Default::default()
        }),
        components: Some(Components(components)),
        dependencies: Some(Dependencies(dependencies.collect())),
        ..Default::default()
    })
}

/// What crates.io says of each package of it that `Cargo.lock` names.
fn checksums(root: &Path) -> Result<HashMap<String, String>> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Locked>,
    }
    #[derive(Deserialize)]
    struct Locked {
        name: String,
        version: String,
        checksum: Option<String>,
    }
    let text = String::from_utf8(read(&root.join("Cargo.lock"))?)?;
    let Lock { package } = toml::from_str(&text).context("Cargo.lock is malformed")?;
    Ok(package.into_iter().filter_map(|locked| Some((key(&locked.name, &locked.version), locked.checksum?))).collect())
}

fn metadata(root: &Path, target: &str, options: &[&str]) -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    let mut all = vec!["--locked", "--filter-platform", target];
    all.extend(options);
    command.current_dir(root).other_options(all.into_iter().map(str::to_owned).collect::<Vec<_>>());
    command.exec().context("cannot learn what the command depends on")
}

fn key(name: &str, version: &impl std::fmt::Display) -> String {
    format!("{name}@{version}")
}

impl Graph {
    /// Adds a package and all that is linked into it; returns its key.
    fn add(&mut self, root: &Path, name: &str, target: &str, options: &[&str]) -> Result<String> {
        let metadata = metadata(root, target, options)?;
        let mut linked = linked(root, name, target, options)?;
        let packages: HashMap<&PackageId, &Package> =
            metadata.packages.iter().map(|package| (&package.id, package)).collect();
        let resolve = metadata.resolve.as_ref().context("cargo resolves dependencies")?;
        let nodes: HashMap<&PackageId, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
        let start = metadata.workspace_packages().into_iter().find(|package| *package.name == name);
        let start = start.with_context(|| format!("the workspace has no package {name}"))?;
        let key_of = |id: &PackageId| key(&packages[id].name, &packages[id].version);
        let (mut queue, mut seen) = (vec![&start.id], BTreeSet::from([&start.id]));
        while let Some(id) = queue.pop() {
            let needed = nodes[id].deps.iter().filter(|dependency| {
                dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
                    && linked.contains(&key_of(&dependency.pkg))
            });
            let needed: Vec<&PackageId> = needed.map(|dependency| &dependency.pkg).collect();
            self.packages.entry(key_of(id)).or_insert_with(|| packages[id].clone());
            self.needs.entry(key_of(id)).or_default().extend(needed.iter().map(|id| key_of(id)));
            queue.extend(needed.into_iter().filter(|id| seen.insert(id)));
        }
        linked.retain(|key| !self.packages.contains_key(key));
        ensure!(linked.is_empty(), "nothing needs {linked:?}, which cargo compiles into {name}");
        Ok(key_of(&start.id))
    }
}

/// What cargo links into a package when it builds that package alone. `cargo metadata` knows the whole workspace only,
/// whose packages together ask for more features, and so for more crates. Macros run in the compiler.
fn linked(root: &Path, name: &str, target: &str, options: &[&str]) -> Result<BTreeSet<String>> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).args(["tree", "--locked", "--package", name, "--target", target]).args(options);
    command.args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]);
    let output = command.output().context("cannot run cargo")?;
    ensure!(output.status.success(), "cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout)?;
    // `name v1.2.3`, and more.
    let crates = lines.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some(key(words.next()?, &words.next()?.strip_prefix('v')?))
    });
    Ok(crates.collect())
}

fn component(key: &str, package: &Package, checksum: Option<&String>) -> Result<Component> {
    let mut component =
        Component::new(Classification::Library, &package.name, &package.version.to_string(), Some(key.to_owned()));
    component.purl = Some(Purl::new("cargo", &package.name, &package.version.to_string())?);
    component.scope = Some(Scope::Required);
    component.description = package.description.as_deref().map(NormalizedString::new);
    component.licenses = package.license.clone().map(|license| {
        let choice = match SpdxExpression::parse_lax(license.clone()) {
            Ok(expression) => LicenseChoice::Expression(expression),
            Err(_) => LicenseChoice::License(License::named_license(&license)),
        };
        Licenses(vec![choice])
    });
    component.hashes = checksum
        .map(|checksum| Hashes(vec![Hash { alg: HashAlgorithm::SHA_256, content: HashValue(checksum.clone()) }]));
    component.external_references = package.repository.as_deref().map(|repository| {
        ExternalReferences(vec![ExternalReference::new(ExternalReferenceType::Vcs, Uri::new(repository))])
    });
    Ok(component)
}
