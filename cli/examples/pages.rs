//! Writes the manual pages and the completions of the command: `pages DIR` makes `DIR/man` and `DIR/completions`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use clap::ValueEnum as _;
use clap_complete::Shell;

const NAME: &str = "loosepack";

fn main() -> ExitCode {
    let Some(dir) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: pages DIR");
        return ExitCode::from(2);
    };
    match write(&dir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pages: cannot write to {}: {error}", dir.display());
            ExitCode::FAILURE
        }
    }
}

/// Writes all of them, in place of those that are there.
fn write(dir: &Path) -> io::Result<()> {
    let (man, completions) = (dir.join("man"), dir.join("completions"));
    for folder in [&man, &completions] {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(folder)?,
        }
    }
    clap_mangen::generate_to(loosepack_cli::definition(), man)?;
    for shell in Shell::value_variants() {
        let folder = completions.join(shell.to_string());
        fs::create_dir(&folder)?;
        clap_complete::generate_to(*shell, &mut loosepack_cli::definition(), NAME, folder)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn each_subcommand_has_a_page_and_shells_take_the_completions() {
        let dir = tempfile::tempdir().expect("there is room");
        write(dir.path()).expect("there is room");
        let page = |name: &str| fs::read_to_string(dir.path().join("man").join(name));
        assert!(page("loosepack.1").expect("it is there").contains("SHA\\-256"));
        let definition = loosepack_cli::definition();
        let mut pages = 1;
        for subcommand in definition.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
            let name = subcommand.get_name();
            let page = page(&format!("loosepack-{name}.1")).unwrap_or_else(|error| panic!("{name}: {error}"));
            let about = subcommand.get_about().expect("it says what it does").to_string();
            assert!(page.contains(about.split(',').next().unwrap_or_default()), "{name}");
            pages += 1;
        }
        assert!(pages > 10);
        for shell in Shell::value_variants() {
            let folder = dir.path().join("completions").join(shell.to_string());
            let files: Vec<PathBuf> =
                fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("it lists").path()).collect();
            assert!(files.len() == 1 && fs::metadata(&files[0]).is_ok_and(|found| found.len() > 1000), "{shell}");
            if *shell == Shell::Bash {
                let status = Command::new("bash").arg("-n").arg(&files[0]).status().expect("bash is there");
                assert!(status.success());
            }
        }
    }
}
