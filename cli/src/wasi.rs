//! The command for WASI runtimes, with the store built in: `loosepack-cli.wasm`.

use std::process::ExitCode;

#[cfg(target_os = "wasi")]
fn main() -> ExitCode {
    command::main()
}

#[cfg(not(target_os = "wasi"))]
fn main() -> ExitCode {
    eprintln!(
        "this program is for WASI: build it with --target wasm32-wasip2, or use the one of the crate loosepack-host"
    );
    ExitCode::from(2)
}

#[cfg(target_os = "wasi")]
mod command {
    use std::path::Path;
    use std::process::ExitCode;
    use std::{env, fs, io};

    use loosepack::bindings::wasi::filesystem::preopens::get_directories;
    use loosepack::bindings::wasi::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};
    use loosepack::dir::wasi::{WasiDir, code};
    use loosepack::{Access, Code, Config, Container, Error, IoFailure, Job, Options, Result, Store};
    use loosepack_cli::{Host, Transfer, preopens};

    pub(super) fn main() -> ExitCode {
        loosepack_cli::run(&Preopens(get_directories()), env::args_os())
    }

    /// Directories that the runtime preopened, and their names.
    struct Preopens(Vec<(Descriptor, String)>);

    impl Preopens {
        /// The directory of a container.
        fn directory(&self, path: &Path) -> Result<WasiDir> {
            let path = path.to_str().ok_or_else(|| failed("open", "the container", Code::IllegalName))?;
            let names = self.0.iter().map(|(_, name)| name.as_str());
            let Some((place, below)) = preopens::cover(names, path) else {
                let remedy = "give it with `wasmtime run --dir DIR ...`, where DIR is a folder that it is in";
                return Err(Error::Other(format!("nothing is granted for {path}: {remedy}")));
            };
            let (root, _) = &self.0[place];
            root.open_at(PathFlags::SYMLINK_FOLLOW, &below, OpenFlags::DIRECTORY, DescriptorFlags::READ)
                .map_err(code)
                .and_then(|dir| WasiDir::new(&dir))
                .map_err(|code| failed("open", path, code))
        }
    }

    fn failed(operation: &'static str, path: &str, code: Code) -> Error {
        Error::Io(IoFailure { operation: operation.into(), path: path.into(), code })
    }

    impl Host for Preopens {
        fn open(&self, dir: &Path, options: Options) -> Result<Box<dyn Store>> {
            Ok(Box::new(Container::open(self.directory(dir)?, options)?))
        }

        fn open_damaged(&self, dir: &Path, options: Options) -> Result<Box<dyn Store>> {
            Ok(Box::new(Container::open_damaged(self.directory(dir)?, options)?))
        }

        fn create(&self, dir: &Path, config: Config, options: Options) -> Result<Box<dyn Store>> {
            make_directory(dir).map_err(|error| loosepack::io::cannot("create", &dir.display().to_string(), &error))?;
            Ok(Box::new(Container::create(self.directory(dir)?, config, options)?))
        }

        fn transfer(&self, dir: &Path, options: Options, other: &Path, transfer: &Transfer) -> Result<Box<dyn Job>> {
            let reading = Options { access: Access::ReadOnly, ..Options::default() };
            let source = || Container::open(self.directory(other)?, reading);
            let container = Container::open(self.directory(dir)?, options)?;
            Ok(match transfer {
                Transfer::Import(ids) => Box::new(container.import(&source()?, ids.clone())?),
                Transfer::Repair => Box::new(container.repair(&source()?)?),
                Transfer::Backup(options) => {
                    make_directory(other)
                        .map_err(|error| loosepack::io::cannot("create", &other.display().to_string(), &error))?;
                    Box::new(container.backup(self.directory(other)?, *options)?)
                }
            })
        }

        fn holder(&self) -> String {
            "loosepack (a WASI runtime without locks)".into()
        }
    }

    fn make_directory(dir: &Path) -> io::Result<()> {
        if fs::metadata(dir).is_ok_and(|found| found.is_dir()) { Ok(()) } else { fs::create_dir_all(dir) }
    }
}
