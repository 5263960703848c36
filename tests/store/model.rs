//! The model over the native store, in a simulated and in a real directory, with sizes of all kinds.

use loosepack::dir::cap::CapDir;
use loosepack::{Config, Container, Dir, Durability, Options, Tuning};
use proptest::prelude::*;

use crate::random_work::{Step, cases, run, steps};
use crate::sim::SimDir;
use crate::support::{folding, tiny};

/// A log is folded always, often and never.
fn tunings() -> impl Strategy<Value = Tuning> {
    prop::sample::select(vec![folding(1), folding(5), Tuning::default(), tiny(), Tuning::SMALLEST])
}

fn check<D: Dir<File: Send + Sync, Lock: Send> + Send + 'static>(
    dir: D,
    pack_target: u64,
    options: Options,
    steps: &[Step],
) {
    let config = Config { pack_target, ..Config::default() };
    Container::create(dir.clone(), config, options.clone()).expect("a container can be made");
    run(&|| Box::new(Container::open(dir.clone(), options.clone()).expect("it opens")), steps);
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn a_simulated_directory_holds_what_the_model_holds(
        steps in steps(40),
        pack_target in prop::sample::select(vec![1_u64, 300, 5000, 4 << 30]),
        tuning in tunings(),
        short in any::<bool>(),
        locks in any::<bool>(),
    ) {
        let dir = if short { SimDir::new().short(9) } else { SimDir::new() };
        let dir = if locks { dir } else { dir.without_locks() };
        check(dir.clone(), pack_target, Options { tuning, ..Options::default() }, &steps);
        let left: Vec<String> = dir.files().into_iter().filter(|path| path.starts_with("incoming/")).collect();
        prop_assert_eq!(left, Vec::<String>::new(), "nobody leaves anything in `incoming`");
    }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn a_real_directory_holds_what_the_model_holds(
        steps in steps(25),
        pack_target in prop::sample::select(vec![300_u64, 4 << 30]),
        tuning in tunings(),
    ) {
        let temporary = tempfile::tempdir().expect("there is room for a temporary directory");
        let dir = CapDir::open(temporary.path()).expect("it can be opened");
        // Syncs only cost time here.
        check(dir, pack_target, Options { durability: Durability::None, tuning, ..Options::default() }, &steps);
    }
}
