//! What the fuzzers have found worth keeping stays found.

use super::TARGETS;
use std::path::{Path, PathBuf};

fn seeds(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let listing = std::fs::read_dir(&folder);
    let listing = listing.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found: Vec<PathBuf> = listing.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// Hurt if it breaks: whoever met the counterexample first, again.
#[test]
fn every_seed_passes_its_oracle() {
    for (target, oracle) in TARGETS {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "fuzz/seeds/{target} is empty");
        for path in seeds {
            let bytes = std::fs::read(&path).unwrap();
            if std::panic::catch_unwind(|| oracle(&bytes)).is_err() {
                panic!("{} breaks a promise of {target}", path.display());
            }
        }
    }
}

/// Hurt if it breaks: every oracle, which might look at nothing but what it refuses at once.
#[test]
fn an_oracle_takes_any_bytes_and_none() {
    let mut random = 1u64;
    for length in (0..400).step_by(5) {
        let bytes: Vec<u8> = (0..length)
            .map(|_| {
                random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                (random >> 56) as u8
            })
            .collect();
        for (_, oracle) in TARGETS {
            oracle(&bytes);
        }
    }
}
