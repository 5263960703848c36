//! The interface `transfer`.

use alloc::vec::Vec;

use super::Component;
use super::container::{Handle, open_dir};
use super::convert::{Result, ids};
use super::maintenance::Steps;
use super::wit::transfer::{self as wit, Guest};
use crate::BackupOptions;
use crate::bindings::wasi::filesystem::types::Descriptor;

impl Guest for Component {
    fn import_objects(
        container: wit::ContainerBorrow<'_>,
        source: wit::ContainerBorrow<'_>,
        objects: Option<Vec<u8>>,
    ) -> Result<wit::Job> {
        let objects = objects.map(|objects| ids(&objects)).transpose()?;
        Ok(Steps::hand_out(container.get::<Handle>().0.import(&source.get::<Handle>().0, objects)?))
    }

    fn repair(container: wit::ContainerBorrow<'_>, source: wit::ContainerBorrow<'_>) -> Result<wit::Job> {
        Ok(Steps::hand_out(container.get::<Handle>().0.repair(&source.get::<Handle>().0)?))
    }

    fn backup(container: wit::ContainerBorrow<'_>, dir: &Descriptor, options: wit::BackupOptions) -> Result<wit::Job> {
        let options = BackupOptions { link: options.link, restore: options.restore };
        Ok(Steps::hand_out(container.get::<Handle>().0.backup(open_dir(dir)?, options)?))
    }
}
