//! Makes of what was built what is released: `cargo xtask dist` runs it on the folder `dist/`.
//!
//! Everything here depends on its input alone: the same files, commit and version give the same bytes.
//!
//! | module | what it knows |
//! |---|---|
//! | [`oci`] | OCI image layouts of components |
//! | [`archive`] | the archive of the command |
//! | [`sbom`] | what the command consists of |
//! | [`sums`] | checksums of all files |
//! | [`release`] | what all of them say of the release |

pub mod archive;
pub mod oci;
pub mod release;
pub mod sbom;
pub mod sums;

pub use release::Release;
