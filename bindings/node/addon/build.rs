//! Sets what a shared library for Node is linked with.

fn main() {
    napi_build::setup();
}
