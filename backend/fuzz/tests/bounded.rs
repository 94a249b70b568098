//! Runs every target on its corpus and on random changes of it, with the same inputs in each run.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::PathBuf;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

/// The number of random inputs for each target.
const RANDOM_INPUTS: usize = 4_000;
/// Bytes with a meaning for at least one of the parsers.
const SIGNIFICANT_BYTES: &[u8] = b"\n\r\t ,;:\"'\\/{}[]()=+-.0159aeE#\0\x1f\x7f\x80\xe2\xff";

fn corpus() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "corpus"].iter().collect()
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(corpus().join(target)).unwrap();
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// A seed with a few random changes; a change may append the end of another seed.
fn changed(seeds: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
    let mut input = seeds.choose(random).unwrap().clone();
    for _ in 0..random.random_range(1..=4) {
        let at = random.random_range(0..=input.len());
        let end = random.random_range(at..=input.len().min(at + 16));
        match random.random_range(0..6) {
            0 => input.insert(at, *SIGNIFICANT_BYTES.choose(random).unwrap()),
            1 => drop(input.splice(at..end, [random.random()])),
            2 => drop(input.drain(at..end)),
            3 => drop(input.splice(at..at, input[at..end].to_vec())),
            4 => input.truncate(at),
            _ => {
                let other = seeds.choose(random).unwrap();
                let from = random.random_range(0..=other.len());
                input.splice(at.., other[from..].iter().copied());
            }
        }
    }
    input
}

#[test]
fn every_target_accepts_its_corpus_and_random_changes_of_it() {
    let mut random = StdRng::seed_from_u64(1);
    let broken = fuzz::targets().filter_map(|(name, target)| {
        let seeds = seeds(name);
        let inputs: Vec<_> = (0..RANDOM_INPUTS).map(|_| changed(&seeds, &mut random)).collect();
        let mut inputs = seeds.iter().chain(&inputs);
        let broken = inputs.find(|input| catch_unwind(|| target(input)).is_err())?;
        Some(format!("{name}: b\"{}\"", broken.escape_ascii()))
    });
    assert_eq!(
        broken.collect::<Vec<_>>(),
        [""; 0],
        "the first input of each target that breaks a rule"
    );
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let folders = fs::read_dir(corpus()).unwrap();
    let folders = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap());
    let targets = fuzz::targets().map(|(name, _)| name.to_owned());
    assert_eq!(folders.collect::<BTreeSet<_>>(), targets.collect());
}
