//! The conformance suite of `Dir`, for the implementation that runs inside a component. A WASI command: it is given one
//! empty directory as `/` and ends with a trap when the contract is broken.

#[cfg(target_arch = "wasm32")]
#[path = "../store/conformance.rs"]
mod conformance;

#[cfg(target_arch = "wasm32")]
fn main() {
    use std::cell::{Cell, RefCell};

    use loosepack::bindings::wasi::filesystem::preopens::get_directories;
    use loosepack::bindings::wasi::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};
    use loosepack::dir::wasi::WasiDir;

    let (root, _) = get_directories().pop().expect("one directory is given");
    let made = Cell::new(0);
    let last: RefCell<Option<Descriptor>> = RefCell::default();
    let make = || {
        let name = format!("case-{}", made.replace(made.get() + 1));
        root.create_directory_at(&name).expect("the directory is empty");
        let dir = root.open_at(PathFlags::empty(), &name, OpenFlags::DIRECTORY, DescriptorFlags::READ);
        let dir = dir.expect("it was just made");
        let wasi = WasiDir::new(&dir).expect("it can be opened once more");
        *last.borrow_mut() = Some(dir);
        wasi
    };
    let symlink = |target: &str, name: &str| {
        let last = last.borrow();
        last.as_ref().expect("a directory was made").symlink_at(target, name).expect("links can be made");
    };
    let hard_link = |target: &str, name: &str| {
        let last = last.borrow();
        let dir = last.as_ref().expect("a directory was made");
        dir.link_at(PathFlags::empty(), target, dir, name).expect("links can be made");
    };
    conformance::run(make, Some(&symlink), Some(&hard_link));
}

/// Built natively along with the tests, where there is nothing to run it on.
#[cfg(not(target_arch = "wasm32"))]
fn main() {}
