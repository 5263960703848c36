//! Files whose bytes are not there yet: who fetches them, and hints of what will be read.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::filesystem::{Descriptor, OpenMode};

/// Where `wit/host/fetching.wit` has it.
const INTERFACE: &str = "loosepack:host/fetching@0.1.0";

/// Whatever keeps bytes where they are until it is dropped; `Box::new(())` where nobody takes them out.
pub type Held<'a> = Box<dyn Send + 'a>;

/// Where the bytes of a container's files come from, if they are not in the files yet: a directory of sparse files, for
/// example, that is a cache of object storage. [`Runtime::fetching`](crate::Runtime::fetching) takes one.
///
/// The files have their true sizes. Whose bytes they are is for the implementation to know, by device and inode for
/// example. It is asked about *all* files that the component reads: also about those of other directories that are lent
/// to it for a call, such as files to add. It leaves alone those that it does not know, which must cost little, as each
/// read asks.
///
/// It is asked by the thread that uses the container; containers of one runtime may be used by several at once.
pub trait Fetch: Send + Sync {
    /// Makes bytes of a file present, which are about to be read. Called before each read. The range may extend beyond
    /// the end of the file. What is returned lives until the read has ended: who takes bytes out of files again, to make
    /// room, can leave these alone until then.
    ///
    /// # Errors
    /// Whatever keeps the bytes from being there. The read then fails with [`Code::Io`](loosepack::Code::Io), which has
    /// no room for the reason: keep that to report it.
    fn read(&self, file: &File, range: Range<u64>) -> io::Result<Held<'_>>;

    /// Starts, or finishes, making bytes present that will be read soon. A hint: failures are for
    /// [`read`](Fetch::read) to report. Ranges of several files that will be read together come in calls that follow
    /// each other, with no read between them.
    fn prefetch(&self, file: &File, ranges: &[Range<u64>]);
}

/// Who fetches the bytes of the files that a component reads, if anybody does.
pub(crate) type Fetching<T> = fn(&T) -> Option<&Arc<dyn Fetch>>;

/// Gives the interface `fetching` to components. Hints about files that nobody fetches go to the system.
pub(crate) fn add_to_linker<T: WasiView + 'static>(
    linker: &mut Linker<T>,
    fetching: Fetching<T>,
) -> wasmtime::Result<()> {
    linker.instance(INTERFACE)?.func_wrap(
        "prefetch",
        move |mut store: StoreContextMut<'_, T>, (this, ranges): (Resource<Descriptor>, Vec<(u64, u64)>)| {
            let fetch = fetching(store.data()).cloned();
            if let Descriptor::File(file) = store.data_mut().ctx().table.get(&this)?
                && file.open_mode.contains(OpenMode::READ)
            {
                let range = |(offset, length): (u64, u64)| offset..offset.saturating_add(length);
                let ranges: Vec<Range<u64>> = ranges.into_iter().map(range).collect();
                match fetch {
                    Some(fetch) => fetch.prefetch(&file.file, &ranges),
                    None => loosepack::io::prefetch(&file.file, &ranges),
                }
            }
            Ok(())
        },
    )
}
