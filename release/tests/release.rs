//! What is made is read back: layouts, archives, checksums and the SBOM.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cyclonedx_bom::prelude::Bom;
use loosepack_release::archive::{Entry, write_archive};
use loosepack_release::{Release, oci, sbom, sums};

fn release() -> Release {
    Release { version: "1.2.3".into(), seconds: 1_700_000_000 }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A component that imports an interface and exports it under another name, with a component of the same kind inside.
fn component() -> Vec<u8> {
    const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
    // A section: its number, its length, and what it holds.
    let section = |id: u8, content: &[u8]| [&[id, content.len() as u8][..], content].concat();
    let name = |name: &str| [&[0, name.len() as u8][..], name.as_bytes()].concat();
    let with = |import: &str, export: &str, more: &[u8]| {
        let (import, export) = (name(import), name(export));
        let instance_type = section(7, &[1, 0x42, 0]);
        let import = section(10, &[&[1][..], &import, &[5, 0]].concat());
        let export = section(11, &[&[1][..], &export, &[5, 0, 0]].concat());
        [HEADER, &instance_type, &import, more, &export].concat()
    };
    let nested = section(4, &with("x:y/i@1.0.0", "x:y/e@1.0.0", &[]));
    with("a:b/i@1.0.0", "a:b/e@1.0.0", &nested)
}

#[test]
fn a_layout_gives_back_the_component_and_its_contract() {
    let folder = tempfile::tempdir().unwrap();
    let wasm = component();
    for _ in 0..2 {
        oci::write_layout(folder.path(), &wasm, "title", "description", &release()).unwrap();
    }
    let read = oci::read_layout(folder.path()).unwrap();
    assert_eq!(read.wasm, wasm);
    assert_eq!(read.tag, "1.2.3");
    assert_eq!(read.config.created, "2023-11-14T22:13:20Z");
    assert_eq!((&*read.config.architecture, &*read.config.os), ("wasm", "wasip2"));
    assert_eq!(read.config.component.imports, ["a:b/i@1.0.0"]);
    assert_eq!(read.config.component.exports, ["a:b/e@1.0.0"]);
    assert_eq!(fs::read_dir(folder.path().join("blobs/sha256")).unwrap().count(), 3, "no blobs of others stay");

    // The same input gives the same bytes, whatever the order of a hash map.
    let index = fs::read(folder.path().join("index.json")).unwrap();
    for _ in 0..20 {
        oci::write_layout(folder.path(), &wasm, "title", "description", &release()).unwrap();
        assert_eq!(fs::read(folder.path().join("index.json")).unwrap(), index);
    }
}

#[test]
fn a_layout_that_was_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = || {
        oci::write_layout(folder.path(), &component(), "title", "description", &release()).unwrap();
        fs::read_dir(folder.path().join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    for number in 0..blobs().len() {
        let path = &blobs()[number];
        let mut bytes = fs::read(path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, &bytes).unwrap();
        let error = oci::read_layout(folder.path()).unwrap_err().to_string();
        assert!(error.contains("is damaged"), "{error}");
        bytes.pop();
        fs::write(path, &bytes).unwrap();
        let error = oci::read_layout(folder.path()).unwrap_err().to_string();
        assert!(error.contains("bytes"), "{error}");
        fs::remove_file(path).unwrap();
        oci::read_layout(folder.path()).unwrap_err();
    }
    let error = oci::write_layout(folder.path(), b"no component", "title", "", &release()).unwrap_err().to_string();
    assert_eq!(error, "title is no component");
}

#[test]
fn an_archive_depends_on_names_contents_and_the_release_alone() {
    let folder = tempfile::tempdir().unwrap();
    let [files, one, two, out] = ["files", "one.tar.gz", "two.tar.gz", "out"].map(|name| folder.path().join(name));
    fs::create_dir_all(files.join("man/deep")).unwrap();
    let entries = [("b/program", files.join("program"), true), ("b/man", files.join("man"), false)]
        .map(|(name, path, is_program)| Entry { name: name.into(), path, is_program });
    let contents = [("program", "#!/bin/sh\necho it runs\n"), ("man/z", "z"), ("man/a", "a"), ("man/deep/x", "x")];
    for (name, content) in contents {
        fs::write(files.join(name), content).unwrap();
    }
    write_archive(&one, &entries, &release()).unwrap();
    for (name, content) in contents.iter().rev() {
        fs::remove_file(files.join(name)).unwrap();
        fs::write(files.join(name), content).unwrap();
    }
    write_archive(&two, &entries, &release()).unwrap();
    assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());

    // By another reader than the library that wrote it.
    fs::create_dir(&out).unwrap();
    assert!(Command::new("tar").arg("-xzf").arg(&one).arg("-C").arg(&out).status().unwrap().success());
    assert_eq!(Command::new(out.join("b/program")).output().unwrap().stdout, b"it runs\n");
    for (name, content) in contents {
        assert_eq!(fs::read_to_string(out.join("b").join(name)).unwrap(), content);
    }
    let error =
        write_archive(&one, &[Entry { name: "x".into(), path: files.join("absent"), is_program: false }], &release());
    assert!(error.unwrap_err().to_string().contains("absent"));
}

#[test]
fn checksums_cover_every_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("sub")).unwrap();
    fs::write(path("a"), "one").unwrap();
    fs::write(path("sub/b"), "two").unwrap();
    assert_eq!(sums::write_sums(folder.path()).unwrap(), 2);
    assert_eq!(sums::write_sums(folder.path()).unwrap(), 2, "those of before are not among them");
    let text = fs::read_to_string(path(sums::NAME)).unwrap();
    let names: Vec<&str> = text.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    assert_eq!(names, ["a", "sub/b"]);
    let check = || {
        let mut command = Command::new("sha256sum");
        command.args(["--strict", "--check", sums::NAME]).current_dir(&folder).output().unwrap().status.success()
    };
    assert!(check());
    fs::write(path("sub/b"), "two!").unwrap();
    assert!(!check());
}

#[test]
fn the_sbom_names_what_cargo_compiles_into_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sbom.json");
    let rustc = Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let rustc = String::from_utf8(rustc).unwrap();
    let target = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    sbom::write_sbom(&path, &root(), target, &release()).unwrap();

    let bom = Bom::parse_from_json(&fs::read(&path).unwrap()[..]).unwrap();
    let main = bom.metadata.unwrap().component.unwrap();
    assert_eq!(main.name.to_string(), "loosepack-host");
    let components = bom.components.unwrap().0;
    let mut named: BTreeSet<String> = components.iter().map(|component| component.bom_ref.clone().unwrap()).collect();
    assert!(named.insert(main.bom_ref.unwrap()));

    let names = |name: &str| named.iter().any(|key| key.split_once('@').is_some_and(|(found, _)| found == name));
    // Of the command, of what it believes files with, and of the component in it.
    for name in
        ["loosepack", "loosepack-cli", "clap", "wasmtime", "zlib-rs", "libsqlite3-sys", "dlmalloc", "wit-bindgen"]
    {
        assert!(names(name), "{name}");
    }
    // Of tests, of other packages of the workspace, and what runs in the compiler.
    for name in ["tempfile", "proptest", "xtask", "pyo3", "loosepack-stock", "clap_mangen", "serde_derive", "cc"] {
        assert!(!names(name), "{name}");
    }

    for component in components {
        let name = component.name.to_string();
        assert!(component.licenses.is_some(), "{name}");
        assert_eq!(component.hashes.is_none(), name.starts_with("loosepack"), "{name}: crates.io has a checksum");
    }
    let dependencies = bom.dependencies.unwrap().0;
    assert_eq!(dependencies.iter().map(|one| one.dependency_ref.clone()).collect::<BTreeSet<_>>(), named);
    assert!(dependencies.iter().flat_map(|one| &one.dependencies).all(|one| named.contains(one)));
}
