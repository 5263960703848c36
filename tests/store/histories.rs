//! Random histories: whatever has been done in whichever order, every crash and every failure in it keeps the promises.
//!
//! `LOOSEPACK_SEEDS` makes it more histories, `LOOSEPACK_SEED` begins with another.

use loosepack::{Code, Compression, Result, Tuning};

use crate::crash::sweep;
use crate::faults::withstands;
use crate::promises::{Known, open};
use crate::sim::SimDir;
use crate::support::{Rng, clean, noise, pack, setting, text, tiny, with_tuning};
use crate::watch::Watch;
use crate::workloads::{Workload, lived_in, workload};

/// Few different ones, so that they meet again.
fn content(rng: &mut Rng) -> Vec<u8> {
    let (len, seed) = (rng.below(900) as usize, rng.below(40));
    if rng.below(2) == 0 { noise(len / 100 * 100, seed) } else { text(len / 100 * 100, seed) }
}

fn compression(rng: &mut Rng) -> Compression {
    [Compression::Never, Compression::Always, Compression::Auto][rng.below(3) as usize]
}

/// Some steps, drawn by the seed. Everything acknowledged is noted.
fn history(dir: &Watch<SimDir>, known: &mut Known, seed: u64, steps: u64) -> Result<()> {
    let mut rng = Rng::new(seed);
    let mut store = open(dir)?;
    for _ in 0..steps {
        match rng.below(12) {
            0..=3 => {
                let content = content(&mut rng);
                known.offer(&content);
                store.add(&content)?;
                known.ack(&content);
            }
            4 => {
                let content = content(&mut rng);
                known.offer(&content);
                let mut writer = store.writer()?;
                for piece in content.chunks(1 + rng.below(500) as usize) {
                    writer.write(piece)?;
                }
                if rng.below(3) > 0 {
                    writer.finish()?;
                    known.ack(&content);
                }
            }
            5..=8 => {
                let mut writer = store.pack_writer(compression(&mut rng))?;
                for _ in 0..1 + rng.below(3) {
                    let batch: Vec<Vec<u8>> = (0..rng.below(6)).map(|_| content(&mut rng)).collect();
                    for content in &batch {
                        known.offer(content);
                        writer.add(content)?;
                    }
                    if rng.below(4) > 0 {
                        writer.commit()?;
                        batch.iter().for_each(|content| known.ack(content));
                    }
                }
            }
            9 => {
                let compression = compression(&mut rng);
                if let Some(problem) = pack(&store, compression)?.into_iter().next() {
                    return Err(loosepack::Error::Corrupt(problem));
                }
            }
            10 => drop(clean(&store)?),
            _ => store = open(dir)?,
        }
    }
    Ok(())
}

fn drawn(seed: u64, steps: u64) -> Workload {
    let mut workload = workload(lived_in, move |dir, known| history(dir, known, seed, steps));
    workload.changes_only = true;
    workload.tries = true;
    if seed.is_multiple_of(3) {
        workload.start = workload.start.short(seed);
    }
    workload
}

fn seeds(default: u64) -> impl Iterator<Item = u64> {
    let first = setting("LOOSEPACK_SEED", 1);
    first..first + setting("LOOSEPACK_SEEDS", default)
}

#[test]
fn random_histories_survive_every_crash() {
    let (mut histories, mut points, mut images) = (0, 0, 0);
    for seed in seeds(4) {
        // Every other one in tiny sizes.
        let tuning = if seed.is_multiple_of(2) { tiny() } else { Tuning::default() };
        let swept = with_tuning(tuning, || sweep(&drawn(seed, 12), 2, &Watch::new))
            .unwrap_or_else(|problem| panic!("seed {seed}: {problem}"));
        (histories, points, images) = (histories + 1, points + swept.points, images + swept.images);
    }
    assert!(histories > 0 && points > 0 && images > 0, "there is something to sweep");
    println!("{histories} histories, {points} crash points, {images} images");
}

#[test]
fn random_histories_withstand_every_failure() {
    let (mut histories, mut failures) = (0, 0);
    const CODES: [Code; 5] = [Code::Io, Code::NoSpace, Code::Access, Code::Quota, Code::TooManyFiles];
    for seed in seeds(3) {
        let code = CODES[seed as usize % CODES.len()];
        (histories, failures) = (histories + 1, failures + withstands(&drawn(seed + 1000, 6), &[code]));
    }
    assert!(histories > 0 && failures > 0, "there is something to fail");
    println!("{histories} histories, {failures} failures");
}
