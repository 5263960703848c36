//! The page of `status --html`, as a browser shows it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use loosepack::{Compression, Config, ObjectId, PackInfo};
use loosepack_artifacts::COMMAND;
use loosepack_host::Container;
use serde_json::Value;
use wasmtime_wasi::FsPerms;

use crate::stock;
use crate::support::{Ran, TempDir, command, loosepack, noise, runtime};

/// Reads the page from a frame of the page that it is part of.
const INSPECT: &str = include_str!("page.js");

/// A container with several packs, dead bytes in them, compressed objects, and loose ones.
fn fill(dir: &Path) -> Container {
    fs::create_dir(dir).expect("it is not there");
    let config = Config { pack_target: 10_000, ..Config::default() };
    let container = runtime().create(dir, config, Default::default()).expect("the directory is empty");
    let mut ids = Vec::new();
    for number in 0..60 {
        let content = match number % 3 {
            0 => format!("{number} ").repeat(1 << (number / 5)).into_bytes(),
            _ => noise(40 * (number + 1), number as u64),
        };
        ids.push(container.add(&content).expect("there is room"));
    }
    container.pack_and_clean(Compression::Auto).expect("nobody packs").finish().expect("it packs");
    let doomed: Vec<ObjectId> = ids.into_iter().step_by(4).collect();
    container.delete(&doomed).expect("nobody packs").finish().expect("it deletes");
    for number in 0..7 {
        container.add(&noise(1000 + number, 99)).expect("there is room");
    }
    container
}

/// A number with commas, as the page writes it.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).collect();
    groups.reverse();
    String::from_utf8(groups.join(&b","[..])).expect("digits are text")
}

#[test]
fn the_page_is_written_whole_or_not_at_all() {
    let dir = TempDir::new();
    loosepack(dir.path(), ["init"]).exits(0);
    assert_eq!(loosepack(dir.path(), ["status", "--html", "page.html"]).exits(0).text(), "");
    let page = fs::read_to_string(dir.join("page.html")).expect("it is written");
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    assert!(loosepack(dir.path(), ["status", "--html", "-"]).exits(0).text().ends_with("</html>\n"));
    loosepack(dir.path(), ["status", "--html", "page.html", "--json"]).exits(2).says(&["--html", "--json"]);
    loosepack(dir.path(), ["status", "--html", "absent/page.html"]).exits(2).says(&["absent/page.html"]);
    loosepack(dir.path(), ["status", "--html", "store"]).exits(2).says(&["cannot write store", "directory"]);

    dir.file("page.html", "an older page");
    fs::write(dir.join("store/index/manifest.json"), "damaged").expect("it can be damaged");
    loosepack(dir.path(), ["status", "--html", "page.html"]).exits(1);
    assert_eq!(fs::read_to_string(dir.join("page.html")).expect("it stays"), "an older page");
    let names: Vec<_> =
        fs::read_dir(dir.path()).expect("it is there").map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "nothing else is left: {names:?}");
}

#[test]
fn the_page_is_the_same_from_a_stock_runtime() {
    let dir = TempDir::new();
    fill(&dir.join("store"));
    let read = |name: &str| {
        let page = fs::read_to_string(dir.join(name)).expect("it is written");
        let (before, rest) = page.split_once("<time").expect("it has a time");
        before.to_string() + rest.split_once("</time>").expect("the time ends").1
    };
    loosepack(dir.path(), ["status", "--html", "native.html"]).exits(0);
    let arguments = ["-C", "store", "status", "--html", "stock.html"];
    let (code, output) = stock::run(COMMAND, dir.path(), ".", FsPerms::ReadWrite, &arguments);
    assert_eq!((code, &output[..]), (0, ""));
    assert!(read("native.html") == read("stock.html"));
}

/// A browser that has no window: the one named by `LOOSEPACK_BROWSER`, or Chromium.
fn browser() -> Option<PathBuf> {
    let named = std::env::var_os("LOOSEPACK_BROWSER").map(PathBuf::from);
    let known = ["chromium", "chromium-browser", "google-chrome"].map(PathBuf::from);
    let starts = |program: &PathBuf| {
        let mut command = Command::new(program);
        command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    named.into_iter().chain(known).find(starts)
}

/// Opens a page in a window of this width; what `page.js` finds there.
fn inspect(browser: &Path, dir: &TempDir, page: &str, width: u32, dark: bool) -> Value {
    let escaped = page.replace('&', "&amp;").replace('"', "&quot;");
    let frame = format!("<iframe width=\"{width}\" height=\"900\" srcdoc=\"{escaped}\"></iframe>");
    let head = "<!DOCTYPE html><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\">";
    let around = dir.file("around.html", format!("{head}{frame}<pre></pre><script>{INSPECT}</script>"));
    let scheme = format!("--blink-settings=preferredColorScheme={}", if dark { 0 } else { 1 });
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1400,1000"])
        .arg(scheme)
        .arg(format!("--user-data-dir={}", dir.join("profile").display()))
        .args(["--dump-dom".into(), format!("file://{}", around.display())])
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    let ran = Ran::of(output).exits(0);
    let (_, rest) = ran.text().split_once("<pre>").expect("the page is shown");
    let (found, _) = rest.split_once("</pre>").expect("the result ends");
    serde_json::from_str(found).unwrap_or_else(|error| panic!("{error}: {found}"))
}

#[test]
fn a_browser_shows_what_the_container_has_in_every_width_and_scheme() {
    let Some(browser) = browser() else {
        eprintln!("skipped: there is no Chromium; name one in LOOSEPACK_BROWSER, or install Debian's `chromium`");
        return;
    };
    let dir = TempDir::new();
    let name = "<b>&'\" a name of many words that is no markup, and wider than a phone";
    let container = fill(&dir.join(name));
    command(dir.path()).args(["-C", name, "status", "--html", "page.html"]).status().expect("it starts");
    let page = fs::read_to_string(dir.join("page.html")).expect("it is written");
    let (stats, packs) = (container.stats().expect("it is sound"), container.packs().expect("it is sound"));
    let dead = packs.iter().map(PackInfo::dead).sum();
    assert!(packs.len() > 2 && dead > 0 && stats.loose_objects == 7 && stats.packed_length < stats.packed_size);

    let mut grounds = Vec::new();
    for (width, dark) in [(1200, false), (1200, true), (320, false), (320, true)] {
        let found = inspect(&browser, &dir, &page, width, dark);
        assert_eq!(found["width"], width);
        assert_eq!(found["wider"], Value::Array(Vec::new()), "wider than a window of {width}");
        assert_eq!(found["faint"], Value::Array(Vec::new()), "too little contrast, dark: {dark}");
        assert_eq!(found["requests"], 0);
        assert_eq!(found["scripts"], 0);
        assert_eq!(found["unnamed"], 0, "pictures without a title or a description");
        assert_eq!(found["name"], name);
        assert_eq!(found["id"], container.id().expect("it has one"));
        assert_eq!(found["objects"], grouped(stats.packed_objects + stats.loose_objects));
        for (name, number) in [
            ("Loose objects", stats.loose_objects),
            ("Packed objects", stats.packed_objects),
            ("Bytes of packed objects", stats.packed_size),
            ("Bytes they are stored in", stats.packed_length),
            ("Packs", stats.packs),
            ("Bytes of packs", stats.packs_size),
            ("Dead bytes in packs", dead),
            ("Bytes of the index", stats.index_size),
        ] {
            assert_eq!(found["numbers"][name], grouped(number), "{name}");
        }
        let rows = found["packs"].as_array().expect("there are rows");
        assert_eq!(rows.len(), packs.len());
        let full = packs.iter().map(|pack| pack.size).max().expect("there is one").max(10_000) as f64;
        for (row, pack) in rows.iter().zip(&packs) {
            assert_eq!(row["number"], pack.number.to_string());
            assert_eq!(row["objects"], grouped(pack.objects));
            for (part, bytes) in [("live", pack.size - pack.dead()), ("dead", pack.dead())] {
                let (drawn, right) = (row[part].as_f64().expect("a number"), bytes as f64 / full);
                assert!((drawn - right).abs() < 0.01, "{part} of pack {}: {drawn} for {right}", pack.number);
            }
        }
        assert_eq!(found["counted"], stats.packed_objects + stats.loose_objects, "the bars of the sizes together");
        grounds.push(found["ground"].to_string());
    }
    assert!(grounds[0] == grounds[2] && grounds[1] == grounds[3] && grounds[0] != grounds[1], "{grounds:?}");
}
