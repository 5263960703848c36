//! The data that the steps work on. Made once, in the folder of the run.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use loosepack::ObjectId;
use xtask::process::{output, rustc};

use crate::Result;
use crate::options::Options;
use crate::side::{Tally, ensure, sha256};
use crate::step::{Step, Suite};

/// A larger file is not taken for a text.
const TEXT_MAX: u64 = 1 << 20;
/// Files of one folder.
const FILES_A_FOLDER: usize = 1000;

/// The data that the steps work on.
pub struct Work {
    /// The folder that holds all of it.
    pub folder: PathBuf,
    /// Many small objects.
    pub contents: Vec<Vec<u8>>,
    /// Their sizes and bytes in a file, for those who cannot be handed them: a length of four bytes, little-endian,
    /// before each.
    pub contents_file: PathBuf,
    /// A folder with a file for each object, for those who add nothing but files.
    pub files: PathBuf,
    /// A file with their paths in it, a line each.
    pub names: PathBuf,
    /// A file with the ids of all objects in it, a line each.
    pub ids: PathBuf,
    /// Real text files.
    pub texts: Texts,
    /// One large file, made of texts.
    pub large: PathBuf,
    /// Its size.
    pub large_size: u64,
}

/// Copies of text files that differ.
#[derive(Default)]
pub struct Texts {
    /// The folder they are in.
    pub folder: PathBuf,
    /// Their paths in it.
    pub paths: Vec<String>,
    /// Their bytes.
    pub bytes: u64,
}

impl Work {
    /// Makes what these suites need.
    pub fn make(options: &Options, folder: &Path) -> Result<Self> {
        let wants_small = [Suite::Small, Suite::Command, Suite::Exchange].iter().any(|suite| options.wants(*suite));
        let wants_large = options.wants(Suite::Large);
        fs::create_dir_all(folder)?;
        let contents = if wants_small { contents(options.objects) } else { Vec::new() };
        let texts = match wants_large || options.wants(Suite::Text) {
            true => Texts::collect(&folder.join("texts"), options.text << 20)?,
            false => Texts::default(),
        };
        let work = Work {
            contents,
            contents_file: folder.join("contents"),
            files: folder.join("files"),
            names: folder.join("names"),
            ids: folder.join("ids"),
            texts,
            large: folder.join("large"),
            large_size: options.large << 20,
            folder: folder.into(),
        };
        if wants_small {
            work.write_contents()?;
        }
        if wants_large {
            work.write_large()?;
        }
        Ok(work)
    }

    /// A tenth of the objects, for expensive steps.
    pub fn some(&self) -> &[Vec<u8>] {
        &self.contents[..self.contents.len().div_ceil(10)]
    }

    /// A hundredth, for what is dearer.
    pub fn few(&self) -> &[Vec<u8>] {
        &self.contents[..self.contents.len().div_ceil(100)]
    }

    /// The paths of the first files in [`Work::files`], a line each.
    pub fn names(&self, count: usize) -> String {
        (0..count).map(|number| name(number) + "\n").collect()
    }

    /// Checks what a program printed in a step of [`Suite::Command`]: the bytes of all objects, or a line for each.
    pub fn check_printed(&self, step: Step, printed: &[u8]) -> Result<()> {
        let right = match step {
            Step::GetAll => printed.len() as u64 == Tally::of(&self.contents).bytes,
            _ => printed.iter().filter(|byte| **byte == b'\n').count() == self.contents.len(),
        };
        ensure(right, "a program did not print what it must")
    }

    /// The tally of all texts.
    pub fn texts_tally(&self) -> Tally {
        Tally { objects: self.texts.paths.len(), bytes: self.texts.bytes }
    }

    fn write_contents(&self) -> Result<()> {
        let mut bytes = Vec::new();
        for content in &self.contents {
            bytes.extend(u32::try_from(content.len())?.to_le_bytes());
            bytes.extend(content);
        }
        fs::write(&self.contents_file, bytes)?;
        for (number, content) in self.contents.iter().enumerate() {
            if number.is_multiple_of(FILES_A_FOLDER) {
                fs::create_dir_all(self.files.join((number / FILES_A_FOLDER).to_string()))?;
            }
            fs::write(self.files.join(name(number)), content)?;
        }
        let ids: String = self.contents.iter().map(|content| format!("{}\n", sha256(content))).collect();
        fs::write(&self.ids, ids)?;
        Ok(fs::write(&self.names, self.names(self.contents.len()))?)
    }

    fn write_large(&self) -> Result<()> {
        let mut file = File::create(&self.large)?;
        let mut room = self.large_size;
        for path in self.texts.paths.iter().cycle() {
            if room == 0 {
                break;
            }
            let text = fs::read(self.texts.folder.join(path))?;
            let len = room.min(text.len() as u64);
            file.write_all(&text[..len as usize])?;
            room -= len;
        }
        Ok(())
    }
}

/// Objects of 0 to 1000 bytes that differ, from a linear congruential generator (Knuth's MMIX constants).
pub fn contents(count: usize) -> Vec<Vec<u8>> {
    Contents::new(0).take(count).collect()
}

/// The same objects without an end, starting at a number.
pub struct Contents {
    number: u64,
}

impl Contents {
    /// From this one on.
    pub fn new(number: u64) -> Self {
        Contents { number }
    }
}

impl Iterator for Contents {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        // Seeded by the number: objects can be made again one by one.
        let mut state = self.number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 42;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        let mut content = format!("{} ", self.number).into_bytes();
        next();
        let len = next() % 1001;
        content.resize_with(len.max(content.len()), || next() as u8);
        self.number += 1;
        Some(content)
    }
}

impl Texts {
    /// Copies text files that every machine with Rust has, the sources of cargo's registry and the toolchain's own
    /// files, up to this many bytes.
    fn collect(folder: &Path, bytes_max: u64) -> Result<Self> {
        let mut texts = Texts { folder: folder.into(), ..Texts::default() };
        let mut seen = BTreeSet::new();
        for source in sources()? {
            texts.take(&source, bytes_max, &mut seen)?;
        }
        if texts.paths.is_empty() { Err("there is no text to take".into()) } else { Ok(texts) }
    }

    /// Takes the texts of a folder, sorted, without following links. What cannot be looked at is left out.
    fn take(&mut self, folder: &Path, bytes_max: u64, seen: &mut BTreeSet<ObjectId>) -> Result<()> {
        let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        paths.sort();
        for path in paths {
            let Ok(found) = fs::symlink_metadata(&path) else { continue };
            if found.is_dir() {
                self.take(&path, bytes_max, seen)?;
            } else if found.is_file() && (1..=TEXT_MAX).contains(&found.len()) {
                let Ok(text) = fs::read_to_string(&path) else { continue };
                if self.bytes + text.len() as u64 <= bytes_max && seen.insert(sha256(text.as_bytes())) {
                    self.add(&text)?;
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, text: &str) -> Result<()> {
        let number = self.paths.len();
        let path = name(number);
        if number.is_multiple_of(FILES_A_FOLDER) {
            fs::create_dir_all(self.folder.join((number / FILES_A_FOLDER).to_string()))?;
        }
        fs::write(self.folder.join(&path), text)?;
        self.bytes += text.len() as u64;
        self.paths.push(path);
        Ok(())
    }
}

/// The path of a file in its folder of folders.
fn name(number: usize) -> String {
    format!("{}/{number}", number / FILES_A_FOLDER)
}

fn sources() -> Result<Vec<PathBuf>> {
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    let mut sources: Vec<PathBuf> = cargo_home.or(home).map(|home| home.join("registry/src")).into_iter().collect();
    sources.push(PathBuf::from(output(rustc().args(["--print", "sysroot"]))?.trim()).join("share"));
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_the_same_from_any_number_on_and_differ() {
        let first = contents(200);
        assert_eq!(Contents::new(150).take(50).collect::<Vec<_>>(), first[150..]);
        assert!(first.iter().all(|content| content.len() <= 1000));
        let distinct: BTreeSet<_> = first.iter().collect();
        assert_eq!(distinct.len(), first.len());
    }
}
