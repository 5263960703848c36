//! The store inside a program, in a sandbox: the code that believes files runs as a WebAssembly component, which is
//! given one directory and nothing else.
//!
//! ```sh
//! cargo run --release -p loosepack-host --example host -- STORE
//! ```

use std::error::Error;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use loosepack_host::{Compression, Content, Limits, Options, Runtime};

fn main() -> Result<(), Box<dyn Error>> {
    let store = std::env::args_os().nth(1).ok_or("usage: host STORE")?;
    keep(store.as_ref())
}

fn keep(path: &Path) -> Result<(), Box<dyn Error>> {
    // A component that wants more is stopped, and its handle fails from then on. The container stays sound.
    let limits = Limits { memory: 256 << 20, call: Some(Duration::from_secs(60)) };
    let runtime = Runtime::with_limits(limits)?;
    std::fs::create_dir_all(path)?;
    let store = runtime.create(path, Default::default(), Options::default())?;

    // Many small objects: straight to packs, durable together.
    let mut writer = store.pack_writer(Compression::Never)?;
    let notes: Vec<String> = (0..1000).map(|number| format!("note {number}")).collect();
    let ids = writer.add_many(&notes)?;
    writer.finish()?;

    // Readers in other threads: a handle each, which is cheap.
    std::thread::scope(|scope| {
        let read = |ids| -> Result<usize, loosepack_host::Error> {
            let mut bytes = 0;
            for item in runtime.open(path)?.read_many(ids)? {
                if let (_, Content::Bytes(content)) = item? {
                    bytes += content.len();
                }
            }
            Ok(bytes)
        };
        let threads: Vec<_> = ids.chunks(250).map(|ids| scope.spawn(move || read(ids))).collect();
        for thread in threads {
            println!("{} bytes were read", thread.join().map_err(|_| "a thread panicked")??);
        }
        Ok::<_, Box<dyn Error>>(())
    })?;

    // A part of one object.
    let mut reader = store.reader(&ids[7])?;
    reader.seek(SeekFrom::Start(5))?;
    let mut text = String::new();
    reader.read_to_string(&mut text)?;
    println!("the note at 7 is number {text}");
    Ok(())
}

#[test]
fn it_runs() {
    let folder = std::env::temp_dir().join(format!("loosepack-example-{}", std::process::id()));
    keep(&folder).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}
