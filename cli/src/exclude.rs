//! Patterns of what is not added.

use std::path::{Component, Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// Patterns in the manner of `.gitignore`: the last one that matches decides.
pub(crate) struct Exclude(Gitignore);

impl Exclude {
    /// # Errors
    /// The message for the user about a pattern that is none.
    pub(crate) fn new(patterns: &[String]) -> Result<Self, String> {
        let mut builder = GitignoreBuilder::new("");
        for pattern in patterns {
            let invalid = |why: &dyn std::fmt::Display| format!("invalid PATTERN `{pattern}` of --exclude: {why}");
            if pattern.trim().is_empty() {
                return Err(invalid(&"it is empty"));
            }
            // It would be a comment.
            let escaped = if pattern.starts_with('#') { format!("\\{pattern}") } else { pattern.clone() };
            builder.add_line(None, &escaped).map_err(|error| invalid(&error))?;
        }
        Ok(Exclude(builder.build().map_err(|error| format!("the patterns of --exclude are too large: {error}"))?))
    }

    /// Returns whether something found in a folder is left out. The path is the one below that folder; the folders
    /// on the way to it are not.
    pub(crate) fn has(&self, below: &Path, is_folder: bool) -> bool {
        self.0.matched(below, is_folder).is_ignore()
    }

    /// Returns whether a file is left out that is named by a path, or a folder on the way to it is.
    pub(crate) fn has_named(&self, path: &Path) -> bool {
        // Names only: where the path starts does not matter.
        let named = |component| match component {
            Component::Normal(name) => Some(name),
            _ => None,
        };
        let path: PathBuf = path.components().filter_map(named).collect();
        self.0.matched_path_or_any_parents(path, false).is_ignore()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exclude(patterns: &[&str]) -> Exclude {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).into()).collect();
        Exclude::new(&patterns).unwrap_or_else(|message| panic!("{message}"))
    }

    #[test]
    fn patterns_are_those_of_gitignore() {
        let has = |pattern, path: &str| exclude(&[pattern]).has(Path::new(path), false);
        assert!(has("*.o", "a.o") && has("*.o", "deep/in/a.o") && !has("*.o", "a.os"));
        assert!(has("/a", "a") && !has("/a", "b/a"));
        assert!(has("b/a", "b/a") && !has("b/a", "c/b/a"));
        assert!(has("**/b/a", "c/b/a") && has("b/**", "b/c/d") && !has("b/*", "b/c/d"));
        assert!(has("#a", "#a") && has("[ab]?", "b1") && !has("[!ab]?", "b1"));
        assert!(!has("a/", "a") && exclude(&["a/"]).has(Path::new("b/a"), true), "a folder only");
        let except = exclude(&["*.o", "!keep.o"]);
        assert!(except.has(Path::new("a.o"), false) && !except.has(Path::new("keep.o"), false));
    }

    #[test]
    fn named_paths_are_left_out_with_their_folders() {
        let has = |pattern, path: &str| exclude(&[pattern]).has_named(Path::new(path));
        assert!(has("*.o", "/abs/a.o") && has("target/", "../x/target/a") && has("/a", "./a"));
        assert!(!has("target/", "x/target") && !has("*.o", "/") && !has("*.o", ""));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for wrong in ["", "  ", "a{b", "[z-a]"] {
            let refused = Exclude::new(&[wrong.into()]).err().unwrap_or_else(|| panic!("{wrong:?} is taken"));
            assert!(refused.contains("--exclude"), "{refused}");
        }
    }
}
