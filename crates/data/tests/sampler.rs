//! The order of samples as a pure function.

use brazier_data::sampler::evaluation;
use brazier_data::{Cursor, Order, Share, steps_per_epoch};
use proptest::prelude::*;

/// The whole of an order, as one batch.
fn all(order: &Order, len: usize) -> Vec<usize> {
    order.batch(0, Share::whole(len))
}

#[test]
fn an_order_is_pinned() {
    // A checkpoint written by one version must resume in the next: these numbers never change.
    assert_eq!(all(&Order::new(10, 1, 0, true), 10), [8, 1, 6, 4, 0, 5, 9, 3, 7, 2]);
    assert_eq!(all(&Order::new(10, 1, 1, true), 10), [7, 1, 9, 2, 0, 6, 8, 5, 4, 3]);
}

#[test]
fn seed_and_epoch_matter_and_shuffling_can_be_off() {
    let order = |seed, epoch| all(&Order::new(100, seed, epoch, true), 100);
    assert_eq!(order(7, 3), order(7, 3));
    assert_ne!(order(7, 3), order(7, 4));
    assert_ne!(order(7, 3), order(8, 3));
    assert_ne!(order(3, 7), order(7, 3));
    assert_eq!(all(&Order::new(4, 7, 3, false), 4), [0, 1, 2, 3]);
}

#[test]
fn positions_past_the_end_begin_anew() {
    let order = Order::new(5, 0, 0, false);
    assert_eq!(order.batch(1, Share::whole(3)), [3, 4, 0]);
    assert_eq!(order.batch(2, Share::whole(3)), [1, 2, 3]);
    assert_eq!(order.batch(0, Share::whole(12)), [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]);
    assert!(Order::new(0, 0, 0, true).batch(0, Share::whole(3)).is_empty());
}

#[test]
fn steps_are_the_floor_of_what_the_user_said() {
    assert_eq!(steps_per_epoch(606, 128), 4);
    assert_eq!(steps_per_epoch(105_434, 128), 823);
    assert_eq!(steps_per_epoch(31, 32), 0);
    assert_eq!(steps_per_epoch(31, 0), 0);
}

#[test]
fn the_cursor_turns_over() {
    let first = Cursor::default().next(2);
    assert_eq!(first, Cursor { epoch: 0, step: 1 });
    assert_eq!(first.next(2), Cursor { epoch: 1, step: 0 });
}

#[test]
fn an_evaluation_ends_with_a_short_batch() {
    let ranges: Vec<_> = evaluation(7, Share::whole(3)).collect();
    assert_eq!(ranges, [0..3, 3..6, 6..7]);
    assert_eq!(evaluation(0, Share::whole(3)).count(), 0);
    let beyond = Share::new(5, 2, 6);
    assert_eq!(evaluation(7, beyond).count(), 0);
}

proptest! {
    #[test]
    fn an_order_is_a_permutation(len in 0_usize..500, seed: u64, epoch: u64) {
        let mut indices = all(&Order::new(len, seed, epoch, true), len);
        indices.sort_unstable();
        prop_assert_eq!(indices, (0..len).collect::<Vec<_>>());
    }

    #[test]
    fn ranks_together_do_the_batch_of_one(len in 1_usize..60, world in 1_usize..6, images in 1_usize..30, step in 0_usize..40) {
        let order = Order::new(len, 9, 2, true);
        let shares = (0..world).map(|rank| Share::new(rank, world, images));
        let together: Vec<_> = shares.clone().flat_map(|share| order.batch(step, share)).collect();
        prop_assert_eq!(together, order.batch(step, Share::whole(images)));
        prop_assert!(shares.into_iter().all(|share| share.images.abs_diff(images / world) <= 1));
    }

    #[test]
    fn an_evaluation_sees_each_sample_once(len in 0_usize..200, world in 1_usize..6, images in 1_usize..9) {
        let ranks = (0..world).flat_map(|rank| evaluation(len, Share::new(rank, world, world * images)));
        let seen: Vec<usize> = ranks.inspect(|range| assert!(range.len() <= images)).flatten().collect();
        prop_assert_eq!(seen, (0..len).collect::<Vec<_>>());
    }
}
