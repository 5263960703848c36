//! Writes the components to a folder: `loosepack-artifacts FOLDER`.

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use loosepack_artifacts::{COMMAND, PORTABLE, STORE};

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1) else {
        eprintln!("usage: loosepack-artifacts FOLDER");
        return ExitCode::from(2);
    };
    let folder = Path::new(&folder);
    for (name, wasm) in [("loosepack.wasm", PORTABLE), ("loosepack-cli.wasm", COMMAND), ("loosepack-store.wasm", STORE)]
    {
        let path = folder.join(name);
        // One that is the same keeps its time.
        let same = fs::read(&path).is_ok_and(|old| old == wasm);
        if let Err(error) = if same { Ok(()) } else { fs::create_dir_all(folder).and_then(|()| fs::write(&path, wasm)) }
        {
            eprintln!("cannot write {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
        println!("{:<32} {:>9} bytes", path.display(), wasm.len());
    }
    ExitCode::SUCCESS
}
