//! Odd inputs and outputs of the command.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use crate::support::{Ran, TempDir, command, loosepack};

/// A container with an object, and its id.
fn with_object() -> (TempDir, String) {
    let dir = TempDir::new();
    loosepack(dir.path(), ["init"]).exits(0);
    dir.file("a", "a\n");
    let added = loosepack(dir.path(), ["add", "a"]).exits(0);
    let id = added.text().split_whitespace().next().expect("an id").to_owned();
    (dir, id)
}

/// A private file became one that all can read.
#[test]
fn an_output_keeps_the_mode_of_the_file_it_replaces() {
    let (dir, id) = with_object();
    let secret = dir.file("secret", "old");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    loosepack(dir.path(), ["get", &id, "-o", "secret"]).exits(0);
    assert_eq!(fs::read(&secret).unwrap(), b"a\n");
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_output_may_have_the_longest_name_there_is() {
    let (dir, id) = with_object();
    let name = "n".repeat(255);
    loosepack(dir.path(), ["get", &id, "-o", &name]).exits(0);
    assert_eq!(fs::read(dir.join(&name)).unwrap(), b"a\n");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3, "nothing else is left beside the container and the input");
}

/// Only the first of them was looked at.
#[test]
fn ids_may_be_separated_by_nul() {
    let (dir, id) = with_object();
    let absent = "0".repeat(64);
    let input = dir.file("ids", format!("{id}  a\0{absent}  b\0"));
    let mut has = command(dir.path());
    has.args(["-C", "store", "has", "-"]).stdin(Stdio::from(fs::File::open(input).unwrap()));
    let ran = Ran::of(has.output().expect("it starts")).exits(1);
    assert_eq!(ran.text(), format!("{id}  present\n{absent}  absent\n"));
}

/// Such files say that they have 4096 bytes, and have fewer.
#[test]
fn files_whose_size_tells_nothing_are_added() {
    let file = "/sys/kernel/mm/transparent_hugepage/enabled";
    let Ok(content) = fs::read(Path::new(file)) else { return };
    let dir = TempDir::new();
    loosepack(dir.path(), ["init"]).exits(0);
    let added = loosepack(dir.path(), ["add", file]).exits(0);
    assert!(added.text().starts_with(&loosepack::codec::sha256(&content).to_string()));
}
