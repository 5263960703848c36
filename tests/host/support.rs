//! Helpers of the tests: directories of their own, the command, and components run by a stock runtime.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use loosepack_host::{Container, Runtime};

/// A directory that is removed at the end of the test.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir(&path).expect("the test directory can be made");
        TempDir(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A path below.
    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// Makes a file and the directories above it.
    pub(crate) fn file(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("below the test directory")).expect("directories can be made");
        fs::write(&path, content).expect("files can be written");
        path
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // A test may have taken permissions away; the next one has a directory of its own in any case.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The result of a command.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Ran { code: output.status.code().unwrap_or(-1), stdout: output.stdout, stderr }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("the output is text")
    }

    /// The exit code is as expected; otherwise everything printed is shown.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", String::from_utf8_lossy(&self.stdout), self.stderr);
        self
    }

    /// All of these texts are in the error output.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "{text:?} is not in stderr: {}", self.stderr);
        }
        self
    }
}

/// The command `loosepack`, in a directory.
pub(crate) fn command(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loosepack"));
    command.current_dir(dir).env_remove("LOOSEPACK_DIR").stdin(Stdio::null());
    command
}

/// Runs `loosepack -C store ARGUMENTS` in a directory.
pub(crate) fn loosepack<A: AsRef<OsStr>>(dir: &Path, arguments: impl IntoIterator<Item = A>) -> Ran {
    Ran::of(command(dir).args(["-C", "store"]).args(arguments).output().expect("the command starts"))
}

/// A runtime that all tests share.
pub(crate) fn runtime() -> Runtime {
    static RUNTIME: std::sync::OnceLock<Runtime> = std::sync::OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("wasmtime supports this machine")).clone()
}

/// The portable component, compiled once for all tests.
pub(crate) fn portable() -> loosepack_stock::Runtime {
    static RUNTIME: std::sync::OnceLock<loosepack_stock::Runtime> = std::sync::OnceLock::new();
    let compile = || loosepack_stock::Runtime::new(loosepack_artifacts::PORTABLE).expect("it is a component");
    RUNTIME.get_or_init(compile).clone()
}

/// A container in a directory of its own.
pub(crate) fn container() -> (TempDir, Container) {
    let dir = TempDir::new();
    let container =
        runtime().create(dir.path(), Default::default(), Default::default()).expect("the directory is empty");
    (dir, container)
}

/// Bytes that differ from place to place and do not compress, from a linear congruential generator (Knuth's MMIX
/// constants).
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A number smaller than `bound` that only looks random.
pub(crate) fn draw(seed: &mut u64, bound: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % bound
}

/// A number from the environment, for longer runs and other ones.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}
