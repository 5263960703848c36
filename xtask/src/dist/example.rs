//! The worked example of the README, run as it is printed.

use std::path::Path;
use std::process::Command;

use crate::process::output;
use crate::{Error, Result, files, workspace};

/// The section that has it.
const SECTION: &str = "## A worked example";

/// A command of the example, and what it prints.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    command: String,
    printed: String,
}

/// Runs the commands with this search path in an empty folder, and compares what each prints with the README.
pub(super) fn run(folder: &Path, search_path: &str) -> Result<()> {
    let readme = files::read(&workspace::root().join("README.md"))?;
    let letters = folder.join("letters");
    files::create_dir(&letters)?;
    files::write(&letters.join("ada.txt"), "Dear Ada\n")?;
    files::write(&letters.join("grace.txt"), "Dear Grace\n")?;
    let steps = steps(&readme);
    if steps.is_empty() {
        return Err(Error::new(format!("README.md has no commands under \"{SECTION}\"")));
    }
    for Step { command, printed } in steps {
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("set -o pipefail; {{ {command}; }} 2>&1")]);
        let found = output(shell.current_dir(folder).env("PATH", search_path))?;
        if without_ids(&found) != without_ids(&printed) {
            return Err(Error::new(format!("`{command}` printed\n{found}where README.md has\n{printed}")));
        }
    }
    Ok(())
}

/// The commands of the section, each a line that begins with `$ ` in a block `console`.
fn steps(readme: &str) -> Vec<Step> {
    let (_, section) = readme.split_once(SECTION).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut steps: Vec<Step> = Vec::new();
    for block in section.split("```console\n").skip(1) {
        for line in block.lines().take_while(|line| *line != "```") {
            if let Some(command) = line.strip_prefix("$ ") {
                steps.push(Step { command: command.into(), printed: String::new() });
            } else if let Some(step) = steps.last_mut() {
                step.printed += line;
                step.printed.push('\n');
            }
        }
    }
    steps
}

/// The text without identifiers of containers, which are random: words of 32 hexadecimal digits.
fn without_ids(text: &str) -> String {
    let is_id = |word: &str| word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split_inclusive(char::is_whitespace).map(|word| if is_id(word.trim_end()) { "ID\n" } else { word }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_what_they_print() {
        let text = "## Before\n```console\n$ not me\n```\n## A worked example\n\n```console\n$ one\na\nb\n$ two\n```\ntext\n\
                    ```console\n$ three\nc\n```\n## After\n```console\n$ nor me\n```\n";
        let expected = [("one", "a\nb\n"), ("two", ""), ("three", "c\n")];
        let expected = expected.map(|(command, printed)| Step { command: command.into(), printed: printed.into() });
        assert_eq!(steps(text), expected);
    }

    #[test]
    fn identifiers_of_containers_do_not_count_and_those_of_objects_do() {
        let (one, other) = ("0".repeat(32), "f".repeat(32));
        assert_eq!(without_ids(&format!("made {one}\n")), without_ids(&format!("made {other}\n")));
        assert_ne!(without_ids(&format!("{one}{one}\n")), without_ids(&format!("{other}{other}\n")));
    }
}
