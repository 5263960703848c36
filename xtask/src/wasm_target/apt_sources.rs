//! Finds the Debian mirrors among a machine's apt sources, so that no mirror's name has to be known here.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Result, files};

/// A mirror of the Debian archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mirror {
    /// Its address, as apt wants it.
    pub(super) uri: String,
    /// The keyring that the machine checks it with, if its entry says.
    pub(super) keyring: Option<PathBuf>,
}

/// The folder of apt's configuration.
const APT: &str = "/etc/apt";

/// The keyring of the Debian archive; its extension has changed over the years.
const KEYRING: &str = "debian-archive-keyring";

/// The names of releases in the archive. An entry that does not say who signs it is taken for Debian's by its release;
/// should it not be, then apt finds the signature wrong and the next mirror is tried.
const RELEASES: &[&str] = &[
    "oldoldstable",
    "oldstable",
    "stable",
    "testing",
    "unstable",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "sid",
];

/// The Debian mirrors of this machine, the surest first.
pub(super) fn mirrors() -> Result<Vec<Mirror>> {
    let apt = Path::new(APT);
    let mut paths = vec![apt.join("sources.list")];
    let parts = apt.join("sources.list.d");
    if parts.is_dir() {
        paths.extend(files::list(&parts)?);
    }
    let mut entries = Vec::new();
    for path in paths.iter().filter(|path| path.is_file()) {
        // As in apt, other files are none of its sources.
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("list") => entries.extend(one_line_entries(&files::read(path)?)),
            Some("sources") => entries.extend(deb822_entries(&files::read(path)?)),
            _ => {}
        }
    }
    Ok(debian_mirrors(&entries))
}

/// The keyring to check the archive with, if the mirror's entry names none.
pub(super) fn default_keyring() -> Option<PathBuf> {
    let names = ["gpg", "pgp"].map(|extension| format!("{KEYRING}.{extension}"));
    let paths = names.iter().map(|name| Path::new("/usr/share/keyrings").join(name));
    paths.into_iter().find(|path| fs::exists(path).unwrap_or(false))
}

/// One source of binary packages, in either notation.
#[derive(Debug, Default, PartialEq, Eq)]
struct Entry {
    uris: Vec<String>,
    suites: Vec<String>,
    signed_by: Option<String>,
}

fn debian_mirrors(entries: &[Entry]) -> Vec<Mirror> {
    let signed = entries.iter().filter(|entry| entry.signed_by.as_ref().is_some_and(|key| key.contains(KEYRING)));
    let unsigned =
        entries.iter().filter(|entry| entry.signed_by.is_none() && entry.suites.iter().any(|suite| is_release(suite)));
    let mut mirrors = Vec::<Mirror>::new();
    for entry in signed.chain(unsigned) {
        // The security archive has its own address and no backports.
        if entry.suites.iter().all(|suite| suite.contains("security")) {
            continue;
        }
        for uri in entry.uris.iter().filter(|uri| !uri.starts_with("cdrom:")) {
            if !mirrors.iter().any(|mirror| mirror.uri == *uri) {
                mirrors.push(Mirror { uri: uri.clone(), keyring: entry.signed_by.as_ref().map(PathBuf::from) });
            }
        }
    }
    mirrors
}

fn is_release(suite: &str) -> bool {
    let base = suite.split(['-', '/']).next().unwrap_or(suite);
    RELEASES.contains(&base)
}

/// Entries as in `deb [signed-by=...] uri suite component...`.
fn one_line_entries(text: &str) -> Vec<Entry> {
    text.lines().filter_map(one_line_entry).collect()
}

fn one_line_entry(line: &str) -> Option<Entry> {
    let line = line.split('#').next()?.trim();
    let mut rest = line.strip_prefix("deb")?;
    if !rest.starts_with([' ', '\t', '[']) {
        return None;
    }
    rest = rest.trim_start();
    let mut signed_by = None;
    if let Some(bracket) = rest.strip_prefix('[') {
        let (options, behind) = bracket.split_once(']')?;
        signed_by = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by=")).map(str::to_owned);
        rest = behind;
    }
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Entry { uris: vec![words.next()?], suites: vec![words.next()?], signed_by })
}

/// Entries as stanzas of `Field: value`, with indented lines that continue the value above.
fn deb822_entries(text: &str) -> Vec<Entry> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines.split(|line| line.trim().is_empty()).filter_map(deb822_entry).collect()
}

fn deb822_entry(stanza: &[&str]) -> Option<Entry> {
    let mut fields = Vec::<(String, String)>::new();
    for line in stanza {
        if line.starts_with([' ', '\t']) {
            let (_, value) = fields.last_mut()?;
            value.push('\n');
            value.push_str(line.trim());
        } else {
            let (name, value) = line.split_once(':')?;
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let field = |name| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let words = |name| field(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let off = field("enabled").is_some_and(|value| ["no", "false", "0", "off"].contains(&value));
    if off || !words("types").iter().any(|kind| kind == "deb") {
        return None;
    }
    Some(Entry { uris: words("uris"), suites: words("suites"), signed_by: field("signed-by").map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uris(entries: &[Entry]) -> Vec<String> {
        debian_mirrors(entries).into_iter().map(|mirror| mirror.uri).collect()
    }

    #[test]
    fn stanzas_with_comments_and_a_vendor_among_them() {
        let entries = deb822_entries(
            "Types: deb deb-src\n# a comment\nURIs: http://mirror.example/debian\nSuites: trixie trixie-updates\n\
             Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\
             Types: deb\nURIs: http://mirror.example/debian-security\nSuites: trixie-security\nComponents: main\n\
             Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\n\
             Types: deb\nURIs: https://vendor.example/apt\nSuites: trixie\nComponents: main\n\
             Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n",
        );
        assert_eq!(entries.len(), 3);
        let expected = Mirror {
            uri: "http://mirror.example/debian".to_owned(),
            keyring: Some(PathBuf::from("/usr/share/keyrings/debian-archive-keyring.gpg")),
        };
        assert_eq!(debian_mirrors(&entries), [expected]);
    }

    #[test]
    fn a_stanza_that_is_off_or_has_sources_only_is_none() {
        let off = "Types: deb\nURIs: http://mirror.example/debian\nSuites: sid\nEnabled: no\n";
        let sources = "Types: deb-src\nURIs: http://mirror.example/debian\nSuites: sid\n";
        assert_eq!(deb822_entries(off), []);
        assert_eq!(deb822_entries(sources), []);
    }

    #[test]
    fn lines_by_key_first_then_by_release() {
        let entries = one_line_entries(
            "# deb http://old.example/debian bookworm main\n\
             deb http://plain.example/debian bookworm main # ours\n\
             deb http://plain.example/debian bookworm-updates main\n\
             deb-src http://plain.example/debian bookworm main\n\
             deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://key.example/debian sid main\n\
             deb [signed-by=/etc/apt/keyrings/vendor.gpg] https://vendor.example/linux/debian bookworm stable\n\
             deb https://tools.example/apt cloud-tools-bookworm main\n\
             deb cdrom:[Debian]/ bookworm main\n",
        );
        assert_eq!(uris(&entries), ["http://key.example/debian", "http://plain.example/debian"]);
    }
}
