//! The interface `preopens`.

use alloc::string::String;

use super::Component;
use super::wit::preopens::Guest;
use crate::bindings::wasi::filesystem::preopens::get_directories;
use crate::bindings::wasi::filesystem::types::Descriptor;

impl Guest for Component {
    fn preopened(path: String) -> Option<Descriptor> {
        get_directories().into_iter().find(|(_, name)| *name == path).map(|(dir, _)| dir)
    }
}
