//! The interface `places`.

use alloc::string::String;

use super::Component;
use super::wit::places::Guest;
use crate::bindings::wasi::filesystem::preopens::get_directories;
use crate::bindings::wasi::filesystem::types::Descriptor;

impl Guest for Component {
    fn preopened(path: String) -> Option<Descriptor> {
        get_directories().into_iter().find(|(_, name)| *name == path).map(|(dir, _)| dir)
    }
}
