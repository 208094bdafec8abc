//! A fleet under everything that can go wrong, each simulation decided by one seed: the real handlers and the real SDK on the
//! simulated AWS, in virtual time. Requests fail before and after their effect, answers come late, mangled or not at all, runs
//! are killed, overlap and come twice, updates fail in every way, releases are withdrawn or unknown to EKS, clusters go up and
//! back. Whatever happens: nothing is lost, nothing doubled. Then all is quiet, but for what ails some node groups: the others
//! come to the last release, and what does not is reported. Then that is mended, too. In every other simulation a newer version
//! takes turns on the table, and nothing that only it knows is lost.
//!
//! ```sh
//! SEEDS=0..100000 cargo test --release --test slow simulation -- --nocapture   # long
//! SEEDS=17..18 cargo test --test slow simulation -- --nocapture                # one again, with its requests
//! ```

mod case;
mod checker;
mod faults;
mod fleet;
mod notices;
mod run;

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use run::{Outcome, Simulation};
use testing::{in_virtual_time, on_every_core};

/// As many as a developer waits for.
const SEEDS: Range<u64> = 0..100;

/// The seeds that `SEEDS` asks for, as in `17..18`.
#[expect(clippy::disallowed_methods, reason = "how a test is asked for more than usual")]
fn seeds() -> Range<u64> {
    let Ok(asked) = std::env::var("SEEDS") else { return SEEDS };
    let range = asked.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    range.unwrap_or_else(|| panic!("SEEDS is {asked:?}; expected a range such as 0..200"))
}

/// One simulation from its beginning to its end.
fn simulate(seed: u64, trace: bool) -> Outcome {
    // The SDK's back-off is random, too, by this thread's generator.
    fastrand::seed(seed);
    in_virtual_time(Simulation::run(seed, trace))
}

#[test]
fn nothing_is_lost_and_nothing_doubled_whatever_happens() {
    let seeds = seeds();
    let count = seeds.end - seeds.start;
    let (failed, tally) = (Mutex::new(BTreeMap::new()), Mutex::new(BTreeMap::<String, u64>::new()));
    on_every_core(seeds, |seed| {
        let broken = match catch_unwind(AssertUnwindSafe(|| simulate(seed, count == 1))) {
            Ok(outcome) => {
                let mut tally = tally.lock().unwrap();
                outcome.tally.into_iter().for_each(|(what, times)| *tally.entry(what).or_default() += times);
                outcome.broken
            }
            Err(_) => vec!["it panicked".to_owned()],
        };
        if !broken.is_empty() {
            println!("seed {seed}: {}", broken.join("\n  "));
            println!("again: SEEDS={seed}..{} cargo test --test slow simulation -- --nocapture", seed + 1);
            failed.lock().unwrap().insert(seed, broken);
        }
    });
    println!("{count} seeds");
    for (what, times) in tally.into_inner().unwrap() {
        println!("{times:>10}  {what}");
    }
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {count} seeds: {:?}", failed.len(), failed.keys().collect::<Vec<_>>());
}

#[test]
fn the_same_seed_is_the_same_simulation() {
    for seed in 0..5 {
        let (first, second) = (simulate(seed, false), simulate(seed, false));
        assert_eq!(first.requests, second.requests, "seed {seed}");
    }
}
