//! What a job can ask of a step beside the plain one, in numbers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod job;
#[path = "../../../tests/golden/network/weights.rs"]
mod weights;

use std::path::Path;

use brazier_collective::Single;
use brazier_data::{Batch, Labels};
use brazier_model::parameters::{Kind, export};
use brazier_model::{Layout, ResNet};
use brazier_train::Job;
use brazier_train::alike::Statistics;
use brazier_train::job::Compute;
use brazier_train::step::{Trainer, Turn, to_input};
use brazier_train::upload::upload;

const SHAPE: [usize; 3] = [1, 8, 8];
const RATE: f64 = 0.01;

fn job() -> Job {
    job::job(Layout::resnet(20, SHAPE, 3).unwrap(), SHAPE, 6, Path::new("unused"))
}

/// Three images twice, so that each half has the statistics of the whole.
fn batch(job: &Job) -> Batch {
    let pixels = weights::pixels(3, SHAPE).repeat(2);
    let labels = Labels::Classes(vec![0, 1, 2, 0, 1, 2]);
    Batch { pixels, labels, shape: job.transform.shape, origins: Vec::new() }
}

/// Learned values after each of `steps` steps.
fn train(job: &Job, steps: usize) -> Vec<Vec<f32>> {
    let network = weights::network(&job.layout, &job.device.clone().autodiff());
    let mut collective = Single;
    let mut trainer = Trainer::new(job, network, &mut collective);
    let mut after = vec![learned(&trainer)];
    for update in 1..=steps {
        let batch = trainer.upload(batch(job));
        trainer.step(Some(batch), Turn::alone(update, RATE)).unwrap();
        after.push(learned(&trainer));
    }
    after
}

fn learned(trainer: &Trainer) -> Vec<f32> {
    let all = export(&trainer.network(), "fc1");
    all.into_iter().filter(|one| one.kind == Kind::Learned).flat_map(|one| one.values).collect()
}

/// Root of the sum of the squared differences.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn a_batch_in_parts_moves_the_weights_as_the_whole_does() {
    let whole = train(&job(), 3);
    let parts = train(&Job { gradient_accumulation: 2, ..job() }, 3);
    let moved = distance(&whole[0], &whole[3]);
    assert!(
        moved > 0.1 && distance(&whole[3], &parts[3]) < 1e-4 * moved,
        "{}",
        distance(&whole[3], &parts[3])
    );
}

#[test]
fn the_average_follows_its_rule_and_changes_nothing_else() {
    let plain = train(&job(), 4);
    let averaged = train(&Job { ema_decay: Some(0.25), ..job() }, 4);
    let mut expected = plain[0].clone();
    for (update, weights) in plain.iter().enumerate().skip(1) {
        let stays = 0.25_f64.min((1.0 + update as f64) / (10.0 + update as f64));
        for (average, weight) in expected.iter_mut().zip(weights) {
            *average = (f64::from(*average) * stays + f64::from(*weight) * (1.0 - stays)) as f32;
        }
        assert!(distance(&averaged[update], &expected) < 1e-4, "{update}");
    }
}

#[test]
fn other_number_formats_move_the_weights_nearly_alike() {
    let single = train(&job(), 1);
    let moved = distance(&single[0], &single[1]);
    for (compute, tolerance) in [(Compute::Bfloat16, 0.2), (Compute::Float16, 0.1)] {
        let other = train(&Job { compute, ..job() }, 1);
        let error = distance(&single[1], &other[1]) / moved;
        assert!(error > 0.0 && error < tolerance, "{compute:?}: {error}");
    }
}

#[test]
fn a_loss_scale_that_is_too_large_is_halved_and_the_step_left_out() {
    let mut job = Job { compute: Compute::Float16, ..job() };
    // A loss so heavy that its scaled gradients overflow.
    job.layout = job.layout.with_output(brazier_model::layout::Output::Logistic);
    job.positive_weights = Some(vec![3e5; 3]);
    let network = weights::network(&job.layout, &job.device.clone().autodiff());
    let mut collective = Single;
    let mut trainer = Trainer::new(&job, network, &mut collective);
    let values = vec![1.0; 18];
    let before = learned(&trainer);
    let mut left_out = 0;
    for update in 1..=20 {
        let labels = Labels::MultiHot { classes: 3, values: values.clone() };
        let batch = trainer.upload(Batch { labels, ..batch(&job) });
        trainer.step(Some(batch), Turn::alone(update, 1e-9)).unwrap();
        if learned(&trainer) == before {
            left_out += 1;
        } else {
            break;
        }
    }
    let after = learned(&trainer);
    assert!(left_out > 0 && left_out < 20 && after != before, "{left_out}");
    assert!(after.iter().all(|value| value.is_finite()));
}

/// What a step that ran out of memory leaves behind is taken back.
#[test]
fn moving_statistics_can_be_put_back() {
    let job = job();
    let network = weights::network(&job.layout, &job.device.clone().autodiff());
    let all = |network: &ResNet| -> Vec<f32> {
        export(network, &job.layout.head).into_iter().flat_map(|one| one.values).collect()
    };
    let before = all(&network);
    let statistics = Statistics::of(&network, &job.layout.head);
    let uploaded = upload(batch(&job), &job.device.clone().autodiff());
    let _ = network.forward_frozen(to_input(uploaded.bytes, Compute::Float32), job.frozen);
    assert!(all(&network) != before);
    statistics.put_back(&network, &job.layout.head);
    assert_eq!(all(&network), before);
}
