//! `export --manifest`, and where `import` and `export` refuse.

use std::fs;
use std::path::Path;
use std::process::Command;

use loosepack_artifacts::COMMAND;
use wasmtime_wasi::FsPerms;

use crate::stock;
use crate::support::{Ran, TempDir, command, loosepack, noise};

/// A container, files that were added to it from the folder `files`, and the list of them in `sums`.
fn with_files(arguments: &[&str]) -> TempDir {
    let dir = TempDir::new();
    loosepack(dir.path(), ["init"]).exits(0);
    for number in 0..300 {
        dir.file(format!("files/{}/{number}", number % 7), noise(number * 13, number as u64));
    }
    dir.file("files/large", noise(3 << 20, 1));
    dir.file("files/empty", "");
    dir.file("files/deep/er/and/deeper", "deep");
    #[cfg(unix)]
    dir.file("files/odd\\ name\nof two lines\r", "odd");
    let added = loosepack(dir.path(), [&["add", "-r", "files"], arguments].concat()).exits(0);
    dir.file("sums", added.stdout);
    dir
}

/// Files below, with their contents.
fn files(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.strip_prefix(folder).unwrap().into(), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn files_come_back_where_they_were() {
    for (add, export) in
        [(&[][..], &[][..]), (&["-z"], &["--zero"]), (&["--to-pack", "--compress", "always", "--json"], &[])]
    {
        let dir = with_files(add);
        let expected = files(&dir.join("files"));
        let arguments = [&["export", "--manifest", "sums", "out"], export].concat();
        let ran = loosepack(dir.path(), &arguments).exits(0);
        assert!(ran.text().starts_with(&format!("exported {} files", expected.len())), "{}", ran.text());
        assert!(files(&dir.join("out/files")) == expected);
        // What is right stays, what is wrong or missing is made right.
        let kept = fs::metadata(dir.join("out/files/3/10")).unwrap().modified().unwrap();
        fs::write(dir.join("out/files/deep/er/and/deeper"), "peed").unwrap();
        fs::write(dir.join("out/files/0/7"), "shorter").unwrap();
        fs::remove_file(dir.join("out/files/large")).unwrap();
        let again = loosepack(dir.path(), [&arguments[..], &["--json"]].concat()).exits(0);
        let right = expected.len() - 3;
        assert!(again.text().contains(&format!("\"files\":3,\"kept\":{right}")), "{}", again.text());
        assert!(files(&dir.join("out/files")) == expected);
        assert_eq!(fs::metadata(dir.join("out/files/3/10")).unwrap().modified().unwrap(), kept);
    }
}

#[test]
fn the_portable_command_exports_as_well() {
    let dir = with_files(&[]);
    let arguments = ["-C", "/store", "export", "--manifest", "/sums", "/out"];
    let (code, said) = stock::run(COMMAND, dir.path(), "/", FsPerms::ReadWrite, &arguments);
    assert_eq!(code, 0, "{said}");
    assert!(files(&dir.join("out/files")) == files(&dir.join("files")));
    #[cfg(unix)]
    {
        fs::create_dir(dir.join("out2")).unwrap();
        std::os::unix::fs::symlink(dir.join("out"), dir.join("out2/files")).unwrap();
        let arguments = ["-C", "/store", "export", "--manifest", "/sums", "/out2"];
        let (code, said) = stock::run(COMMAND, dir.path(), "/", FsPerms::ReadWrite, &arguments);
        assert!(code == 1 && said.contains("cannot write"), "{said}");
        assert_eq!(fs::read_dir(dir.join("out")).unwrap().count(), 1);
    }
    let arguments = ["-C", "/store", "import", "--from-disk-objectstore", "/files"];
    let (code, said) = stock::run(COMMAND, dir.path(), "/", FsPerms::ReadWrite, &arguments);
    assert!(code == 1 && said.contains("use the native command"), "{said}");
    let arguments = ["-C", "/store", "export", "--to-disk-objectstore", "/theirs"];
    let (code, said) = stock::run(COMMAND, dir.path(), "/", FsPerms::ReadWrite, &arguments);
    assert!(code == 1 && said.contains("use the native command"), "{said}");
    assert!(!dir.join("theirs").exists());
}

#[test]
fn nothing_is_written_outside_whatever_the_list_says() {
    let dir = with_files(&[]);
    let id = loosepack::codec::sha256(b"deep");
    let outside = dir.join("outside");
    fs::create_dir(&outside).unwrap();
    dir.file("outside/file", "outside");
    fs::create_dir_all(dir.join("out/folder")).unwrap();
    let mut lines = vec![
        "../outside/a".to_owned(),
        "x/../../outside/b".into(),
        outside.join("c").display().to_string(),
        "..".into(),
        "folder/".into(),
        "folder".into(),
        ".".into(),
    ];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&outside, dir.join("out/link")).unwrap();
        std::os::unix::fs::symlink("../outside/file", dir.join("out/to-file")).unwrap();
        std::os::unix::fs::symlink("../outside/made", dir.join("out/dangling")).unwrap();
        assert!(Command::new("mkfifo").arg(dir.join("out/pipe")).status().unwrap().success());
        lines.extend(["link/d", "to-file", "dangling", "pipe", "pipe/below"].map(String::from));
    }
    let wrong = lines.len();
    lines.extend(["good", "file/below-a-file"].map(String::from));
    dir.file("out/file", "a file");
    let list: String = lines.iter().map(|name| format!("{id}  {name}\n")).collect();
    dir.file("list", list + "no line of a list\n");
    let ran = loosepack(dir.path(), ["export", "--manifest", "list", "out", "--json"]).exits(2);
    assert!(ran.text().contains(&format!("\"problems\":{}", wrong + 2)), "{}\n{}", ran.text(), ran.stderr);
    assert_eq!(fs::read(dir.join("out/good")).unwrap(), b"deep");
    assert_eq!(files(&outside), [("file".into(), b"outside".to_vec())]);
    assert!(ran.stderr.contains("list, line 1: ../outside/a leads out of the folder"), "{}", ran.stderr);
}

#[test]
fn what_is_absent_or_damaged_is_reported_and_the_rest_written() {
    let dir = with_files(&["--to-pack"]);
    let sums = fs::read_to_string(dir.join("sums")).unwrap();
    let absent = "0".repeat(64);
    dir.file("list", format!("{absent}  files/absent\n{sums}{absent}  files/deep/too\n"));
    let ran = loosepack(dir.path(), ["export", "--manifest", "list", "out"]).exits(1);
    ran.says(&[&format!("no object {absent} for files/absent"), "files/deep/too"]);
    assert!(files(&dir.join("out/files")) == files(&dir.join("files")));
    assert!(!dir.join("out/files/absent").exists());
    // A damaged object leaves the file that is there, and nothing beside it.
    let pack = dir.join("store/packs/0");
    let mut bytes = fs::read(&pack).unwrap();
    let position = bytes.windows(5).position(|bytes| bytes == b"deep\n").unwrap();
    bytes[position] = b'k';
    fs::write(pack, bytes).unwrap();
    let place = dir.file("out/files/deep/er/and/deeper", "before");
    loosepack(dir.path(), ["export", "--manifest", "sums", "out"]).exits(1).says(&["deeper"]);
    assert_eq!(fs::read(&place).unwrap(), b"before");
    assert_eq!(fs::read_dir(place.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn of_several_lines_about_a_file_the_last_counts() {
    let dir = with_files(&[]);
    let ids = [&b"deep"[..], b"", b"deep", b""].map(loosepack::codec::sha256);
    let list: String = ids.iter().map(|id| format!("{id}  a/./b\n")).collect();
    dir.file("list", list);
    loosepack(dir.path(), ["export", "--manifest", "list", "out"]).exits(0);
    assert_eq!(fs::read(dir.join("out/a/b")).unwrap(), b"");
}

#[cfg(unix)]
#[test]
fn a_file_that_is_replaced_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = with_files(&[]);
    let secret = dir.file("out/secret", "old");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    dir.file("list", format!("{}  secret\n", loosepack::codec::sha256(b"deep")));
    loosepack(dir.path(), ["export", "--manifest", "list", "out"]).exits(0);
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    let mut from_standard_input = command(dir.path());
    from_standard_input.args(["-C", "store", "export", "--manifest", "-", "in/new/folder"]);
    from_standard_input.stdin(fs::File::open(dir.join("sums")).unwrap());
    Ran::of(from_standard_input.output().unwrap()).exits(0);
    assert!(files(&dir.join("in/new/folder/files")) == files(&dir.join("files")));
}

#[test]
fn wrong_use_is_refused_before_anything_is_done() {
    let dir = with_files(&[]);
    for (arguments, says) in [
        (&["export"][..], "--manifest"),
        (&["export", "out"], "--manifest"),
        (&["export", "--manifest", "sums"], "DEST"),
        (&["export", "--manifest", "sums", "out", "--to-disk-objectstore", "x"], "cannot be used with"),
        (&["export", "--manifest", "absent", "out"], "cannot open absent: no such file"),
        (&["export", "--to-disk-objectstore", "files"], "files is not empty"),
        (&["import"], "--from-disk-objectstore"),
        (&["import", "files", "--compress", "auto"], "go with --from-disk-objectstore"),
        (&["import", "files", "--move"], "go with --from-disk-objectstore"),
        (&["import", "files", "--from-disk-objectstore", "files"], "cannot be used with"),
        (&["import", "--from-disk-objectstore", "absent"], "cannot open absent: no such file"),
        (&["import", "--from-disk-objectstore", "files"], "files is no container of disk_objectstore"),
        (&["--no-sync", "import", "--from-disk-objectstore", "files", "--move"], "leave out one of the two"),
        (&["import", "--from-disk-objectstore", "files", "--move", "--rehash"], "--map FILE"),
    ] {
        loosepack(dir.path(), arguments).exits(2).says(&[says]);
    }
    assert!(!dir.join("out").exists());
}
