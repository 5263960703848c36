//! Fetches packages by apt from this machine's own Debian mirror, signatures checked, without touching the machine's
//! configuration, lists or cache.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::apt_sources::{self, Mirror};
use super::say;
use crate::process::output;
use crate::{Error, Result, files};

/// The suites of the archive that have recent compilers, those with short package lists first. Backports are built for
/// the stable release, but nothing of them runs here: they are sources, and objects for WebAssembly.
const SUITES: &[&str] = &["trixie-backports", "testing", "unstable"];

/// The downloaded packages.
pub(super) struct Packages {
    /// The sources of rustc and of the standard library.
    pub(super) rust_src: PathBuf,
    /// The C library for WASI, compiled.
    pub(super) wasi_libc: PathBuf,
}

/// Fetches the packages from the first mirror and suite that have the sources of this very release, into the folder `dir`.
pub(super) fn fetch(dir: &Path, release: &str) -> Result<Packages> {
    let apt = Apt { dir: dir.to_path_buf() };
    output(Command::new("apt-get").arg("--version")).map_err(|error| Error::cannot("use Debian's apt", error))?;
    let mut tried = String::new();
    for mirror in apt_sources::mirrors()? {
        for suite in SUITES {
            say(format_args!("looking for rust-src {release} in {suite}"));
            match apt.select(&mirror, suite).and_then(|()| apt.download(release)) {
                Ok(packages) => return Ok(packages),
                Err(error) => {
                    let _ = write!(tried, "\n  - {} {suite}: {error}", mirror.uri);
                }
            }
        }
    }
    if tried.is_empty() {
        tried.push_str(" this machine's apt sources name no Debian mirror");
    }
    Err(Error::new(format!("cannot fetch rust-src {release}:{tried}")))
}

/// apt with a configuration, lists and cache of its own.
struct Apt {
    dir: PathBuf,
}

impl Apt {
    /// Makes one suite of one mirror the only source of packages.
    fn select(&self, mirror: &Mirror, suite: &str) -> Result<()> {
        let keyring = mirror.keyring.clone().or_else(apt_sources::default_keyring);
        let keyring = keyring.ok_or_else(|| Error::new("no keyring of the Debian archive is installed"))?;
        files::fresh_dir(&self.dir)?;
        files::create_dir(&self.dir.join("lists/partial"))?;
        files::create_dir(&self.dir.join("cache/archives/partial"))?;
        files::create_dir(&self.downloads())?;
        let source = format!(
            "Types: deb\nURIs: {}\nSuites: {suite}\nComponents: main\nTargets: Packages\nSigned-By: {}\n",
            mirror.uri,
            keyring.display(),
        );
        files::write(&self.dir.join("debian.sources"), source)?;
        files::write(&self.configuration(), configuration(&self.dir))?;
        output(self.command("apt-get").args(["--quiet", "update"]))?;
        Ok(())
    }

    /// Downloads the packages, if the selected suite has the sources of this release.
    fn download(&self, release: &str) -> Result<Packages> {
        let versions = output(self.command("apt-cache").args(["madison", "rust-src"]))?;
        let version = find_version(&versions, release)
            .ok_or_else(|| Error::new(format!("has no rust-src of version {release}")))?;
        say(format_args!("downloading rust-src {version} and wasi-libc"));
        let rust_src = format!("rust-src={version}");
        output(self.command("apt-get").current_dir(self.downloads()).args([
            "--quiet",
            "download",
            &rust_src,
            "wasi-libc",
        ]))?;
        Ok(Packages { rust_src: self.downloaded("rust-src")?, wasi_libc: self.downloaded("wasi-libc")? })
    }

    fn downloaded(&self, package: &str) -> Result<PathBuf> {
        let paths = files::list(&self.downloads())?;
        let prefix = format!("{package}_");
        let path = paths
            .into_iter()
            .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)));
        path.ok_or_else(|| Error::new(format!("apt-get has downloaded no {package}")))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // apt translates its messages and tables.
        command.env("LC_ALL", "C").arg("--config-file").arg(self.configuration());
        command
    }

    fn configuration(&self) -> PathBuf {
        self.dir.join("apt.conf")
    }

    fn downloads(&self) -> PathBuf {
        self.dir.join("downloads")
    }
}

/// Read after the machine's own configuration, of which proxies, certificates and passwords stay in force. Hooks that
/// tidy the machine's lists after an update have no business here, and neither has the user that apt changes to: it may
/// not be able to write into our folder.
fn configuration(dir: &Path) -> String {
    format!(
        "#clear APT::Update::Pre-Invoke;\n\
         #clear APT::Update::Post-Invoke;\n\
         #clear APT::Update::Post-Invoke-Success;\n\
         APT::Update::Error-Mode \"any\";\n\
         APT::Get::AllowUnauthenticated \"false\";\n\
         Acquire::AllowInsecureRepositories \"false\";\n\
         APT::Sandbox::User \"root\";\n\
         Acquire::Languages \"none\";\n\
         Dir::Etc::SourceList \"{dir}/debian.sources\";\n\
         Dir::Etc::SourceParts \"/dev/null\";\n\
         Dir::State::Lists \"{dir}/lists\";\n\
         Dir::Cache \"{dir}/cache\";\n",
        dir = dir.display(),
    )
}

/// The version in a table of `package | version | source` lines whose upstream part is `release`.
fn find_version<'a>(madison: &'a str, release: &str) -> Option<&'a str> {
    let versions = madison.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim);
    versions.into_iter().find(|version| {
        let upstream = version.split_once(':').map_or(*version, |(_epoch, rest)| rest);
        upstream.split(['+', '-', '~']).next() == Some(release)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_this_release_and_no_other() {
        let table = "  rust-src | 1.96.1+dfsg1-2~bpo13+1 | http://mirror.example/debian trixie-backports/main amd64 Packages\n\
                     \x20 rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://mirror.example/debian trixie-backports/main amd64 Packages\n\
                     \x20 rust-src | 1:1.9.50-1 | http://mirror.example/debian sid/main amd64 Packages\n";
        assert_eq!(find_version(table, "1.95.0"), Some("1.95.0+dfsg1-2~bpo13+1"));
        assert_eq!(find_version(table, "1.9.50"), Some("1:1.9.50-1"));
        assert_eq!(find_version(table, "1.9"), None);
        assert_eq!(find_version("", "1.95.0"), None);
    }
}
