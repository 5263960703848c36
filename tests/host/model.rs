//! The model over the component, in loosepack's host and in one that gives nothing but WASI.

use loosepack_host::{Config, Durability, Options, Sharing};
use proptest::prelude::*;

use crate::random_work::{cases, run, steps};
use crate::support::{TempDir, portable, runtime};

const CONFIG: Config = Config { pack_target: 20_000, compression_level: 1, shared: Sharing::Umask };

fn options() -> Options {
    Options { durability: Durability::None, ..Options::default() }
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn the_component_holds_what_the_model_holds(steps in steps(25)) {
        let dir = TempDir::new();
        runtime().create(dir.path(), CONFIG, options()).expect("a container can be made");
        run(&|| Box::new(runtime().open_with(dir.path(), options()).expect("it opens")), &steps);
    }

    #[test]
    fn the_portable_component_holds_what_the_model_holds(steps in steps(25)) {
        let dir = TempDir::new();
        portable().create(dir.path(), CONFIG, &options()).expect("a container can be made");
        run(&|| Box::new(portable().open(dir.path(), &options()).expect("it opens")), &steps);
    }
}
