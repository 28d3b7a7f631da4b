//! What a tuner tries: the ends of all recommended ranges at once, where training may well diverge. Whatever happens, the job ends
//! well and reports a number for every epoch.

use std::fs;

use crate::harness::OptMl;

/// Name, smallest and largest recommended value, and whether the tuner draws them on a logarithmic scale.
const RANGES: [(&str, f64, f64, bool); 7] = [
    ("beta_1", 1e-6, 0.999, true),
    ("beta_2", 1e-6, 0.999, true),
    ("eps", 1e-8, 1.0, true),
    ("gamma", 1e-8, 0.999, true),
    ("learning_rate", 1e-6, 0.5, true),
    ("momentum", 0.0, 0.999, false),
    ("weight_decay", 0.0, 0.999, false),
];

const OPTIMIZERS: [&str; 4] = ["sgd", "nag", "adam", "rmsprop"];

/// Trains with the values that `place`, from 0 to 1 in each range, gives.
fn survives(optimizer: &str, batch: &str, place: impl Fn(usize) -> f64) {
    let values: Vec<(&str, String)> = RANGES
        .iter()
        .enumerate()
        .map(|(at, &(name, low, high, logarithmic))| {
            let place = place(at);
            let value = match logarithmic {
                true => (low.ln() + (high.ln() - low.ln()) * place).exp().clamp(low, high),
                false => low + (high - low) * place,
            };
            (name, value.to_string())
        })
        .collect();
    let mut all: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    // What the tuner adds of its own.
    all.extend([
        ("optimizer", optimizer),
        ("mini_batch_size", batch),
        ("epochs", "3"),
        ("_tuning_objective_metric", "validation:accuracy"),
    ]);
    let tree = OptMl::with_records();
    tree.hyperparameters(&all);
    let told = tree.train();
    assert_eq!(told.code, 0, "{all:?}\n{}{}", told.out, told.err);
    let values: Vec<f64> =
        told.out.lines().filter_map(|line| line.split("Validation-accuracy=").nth(1)?.parse().ok()).collect();
    assert_eq!(values.len(), 3, "{all:?}\n{}", told.out);
    assert!(values.iter().all(|value| (0.0..=1.0).contains(value)), "{all:?}: {values:?}");
    assert!(told.out.matches("training diverged").count() <= 1, "{all:?}\n{}", told.out);
    for text in [told.out.as_str(), &fs::read_to_string(tree.path("output/data/report.json")).unwrap()] {
        let text = text.to_lowercase();
        assert!(
            !text.contains("=nan") && !text.contains("=inf") && !text.contains(":nan"),
            "{all:?}\n{text}"
        );
    }
    assert_eq!((tree.model_files().len(), tree.failure()), (4, None));
}

#[test]
fn the_ends_of_all_ranges_at_once() {
    for optimizer in OPTIMIZERS {
        survives(optimizer, "8", |_| 1.0);
        survives(optimizer, "24", |_| 0.0);
        // The rate at its largest with everything that damps at its smallest, and decay at its largest beside it.
        survives(optimizer, "8", |at| {
            if RANGES[at].0 == "learning_rate" || RANGES[at].0 == "weight_decay" { 1.0 } else { 0.0 }
        });
    }
}

/// Sixteen points of a sequence that fills the seven dimensions evenly.
#[test]
fn points_all_over_the_ranges() {
    // Van der Corput's sequence in a prime base for each range (Halton).
    const PRIMES: [usize; 7] = [2, 3, 5, 7, 11, 13, 17];
    let halton = |mut number: usize, base: usize| {
        let (mut sum, mut share) = (0.0, 1.0);
        while number > 0 {
            share /= base as f64;
            sum += share * (number % base) as f64;
            number /= base;
        }
        sum
    };
    for point in 1..=16 {
        let batch = if point % 2 == 0 { "8" } else { "12" };
        survives(OPTIMIZERS[point % 4], batch, |at| halton(point, PRIMES[at]));
    }
}
