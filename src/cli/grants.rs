//! What a command line names is granted, and nothing else.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Cli, Command, STANDARD};
use crate::options::Access;

/// What a command line names, and so grants: nothing else of the host is within reach of the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// The container's directory.
    pub container: String,
    /// Make that directory when it is absent.
    pub create_container: bool,
    /// The container is written to; otherwise its directory is granted for reading only.
    pub writable: bool,
    /// Files, and with `recursive` also folders, for reading only. Standard input is not among them.
    pub inputs: Vec<String>,
    /// An input may be a folder; otherwise a folder among the inputs is a mistake, and what is in it is not granted.
    pub recursive: bool,
    /// The file that is written. Standard output is none.
    pub output: Option<String>,
}

impl Cli {
    /// What this command line grants.
    pub fn grants(&self) -> Grants {
        let (inputs, recursive) = match &self.command {
            Command::Add(add) => (add.paths.iter().filter(|path| *path != STANDARD).cloned().collect(), add.recursive),
            _ => (Vec::new(), false),
        };
        Grants {
            container: self.directory.clone(),
            create_container: matches!(self.command, Command::Init(_)),
            writable: self.access() == Access::ReadWrite,
            inputs,
            recursive,
            output: match &self.command {
                Command::Get(get) => get.file().map(String::from),
                _ => None,
            },
        }
    }

    /// What is done with the container.
    pub fn access(&self) -> Access {
        match self.command {
            Command::Init(_)
            | Command::Add(_)
            | Command::Pack(_)
            | Command::Clean(_)
            | Command::Reindex(_)
            | Command::Unlock(_) => Access::ReadWrite,
            Command::Get(_)
            | Command::Has(_)
            | Command::Ls(_)
            | Command::Info(_)
            | Command::Status(_)
            | Command::Verify(_) => Access::ReadOnly,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn parse(line: &str) -> Cli {
        Cli::try_parse_from(line.split(' ')).unwrap()
    }

    #[test]
    fn what_is_named_is_granted_and_nothing_else() {
        let grants = parse("loosepack add a - -r b -C store").grants();
        assert_eq!((grants.container.as_str(), grants.writable, grants.create_container), ("store", true, false));
        assert_eq!((grants.inputs, grants.recursive, grants.output), (["a", "b"].map(String::from).into(), true, None));

        let grants = parse("loosepack -C store get 00 -o file").grants();
        assert!(!grants.writable && grants.inputs.is_empty());
        assert_eq!(grants.output.as_deref(), Some("file"));
        assert_eq!(parse("loosepack get 00 -o -").grants().output, None);

        let grants = parse("loosepack -C store init").grants();
        assert!(grants.writable && grants.create_container);
    }
}
