//! Several ranks, one thread each.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use brazier_collective::{Collective, CollectiveError, Single, Threads, Wire};
use proptest::prelude::*;

/// What `work` returns on each rank.
fn on_all<T: Send>(world: usize, work: impl Fn(Threads) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let work = &work;
        let ranks: Vec<_> =
            Threads::connect(world).into_iter().map(|rank| scope.spawn(move || work(rank))).collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

proptest! {
    #[test]
    fn every_rank_gets_the_sum_in_rank_order(
        shares in (1usize..6, 0usize..40).prop_flat_map(|(world, length)| {
            prop::collection::vec(prop::collection::vec(-1e6f32..1e6, length), world)
        }),
    ) {
        let mut expected = shares[0].clone();
        for share in &shares[1..] {
            expected.iter_mut().zip(share).for_each(|(sum, value)| *sum += value);
        }
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let sums = on_all(shares.len(), |mut rank| {
            let mut values = shares[rank.rank()].clone();
            rank.all_reduce_sum(&mut values, Wire::Float32).unwrap();
            values
        });
        for sum in sums {
            prop_assert_eq!(bits(&sum), bits(&expected));
        }
    }

    #[test]
    fn every_rank_gets_the_roots_bytes(world in 1usize..6, root in 0usize..6, bytes: Vec<u8>) {
        prop_assume!(root < world);
        let received = on_all(world, |mut rank| {
            let mut mine = if rank.rank() == root { bytes.clone() } else { vec![rank.rank() as u8; 3] };
            rank.broadcast(root, &mut mine).unwrap();
            mine
        });
        prop_assert_eq!(received, vec![bytes; world]);
    }
}

#[test]
fn operations_follow_one_another() {
    let sums = on_all(3, |mut rank| {
        let mut values = [rank.rank() as f32];
        for _ in 0..50 {
            rank.all_reduce_sum(&mut values, Wire::Float32).unwrap();
            rank.barrier().unwrap();
            values[0] /= 3.0;
        }
        (rank.world(), values[0])
    });
    assert_eq!(sums, [(3, 1.0); 3]);
}

#[test]
fn nobody_passes_a_barrier_early() {
    let arrived = AtomicUsize::new(0);
    let seen = on_all(4, |mut rank| {
        arrived.fetch_add(1, Ordering::SeqCst);
        rank.barrier().unwrap();
        arrived.load(Ordering::SeqCst)
    });
    assert_eq!(seen, [4; 4]);
}

#[test]
fn a_rank_that_ends_is_named_by_all_others() {
    type Call = fn(&mut Threads) -> Result<(), CollectiveError>;
    let operations: [Call; 5] = [
        |rank| rank.barrier(),
        |rank| rank.all_gather(vec![1]).map(|_| ()),
        |rank| rank.all_reduce_sum(&mut [1.0], Wire::Float32),
        |rank| rank.broadcast(0, &mut vec![1]),
        |rank| rank.broadcast(2, &mut vec![1]),
    ];
    for operation in operations {
        let results = on_all(4, |mut rank| {
            rank.barrier().unwrap();
            if rank.rank() == 2 {
                return None;
            }
            let error = operation(&mut rank).unwrap_err();
            assert_eq!(rank.barrier().unwrap_err(), error, "the group stays broken");
            Some(error)
        });
        for (rank, error) in results.into_iter().enumerate() {
            let lost = matches!(error, Some(CollectiveError::Lost { rank: 2, .. }));
            assert!(lost || rank == 2, "rank {rank}: {error:?}");
        }
    }
}

#[test]
fn a_rank_that_panics_is_a_rank_that_ends() {
    let mut ranks = Threads::connect(2);
    let (mut second, first) = (ranks.pop().unwrap(), ranks.pop().unwrap());
    let crash = thread::spawn(move || {
        let _held = first;
        std::panic::resume_unwind(Box::new("out of memory"));
    });
    let error = second.all_reduce_sum(&mut [0.0], Wire::Float32).unwrap_err();
    assert!(crash.join().is_err());
    assert!(matches!(error, CollectiveError::Lost { rank: 0, .. }), "{error:?}");
    assert_eq!(error.to_string(), "rank 0 is gone: it left before the all-reduce");
}

#[test]
fn ranks_that_do_different_things_learn_of_it() {
    let errors = on_all(2, |mut rank| match rank.rank() {
        0 => rank.barrier().unwrap_err().to_string(),
        _ => rank.broadcast(1, &mut vec![]).unwrap_err().to_string(),
    });
    assert_eq!(errors[0], "rank 1 is at the broadcast from rank 1 while we are at the barrier");
    assert_eq!(errors[1], "rank 0 is at the barrier while we are at the broadcast from rank 1");
    let errors = on_all(2, |mut rank| {
        let mut values = vec![0.0; 3 + rank.rank()];
        rank.all_reduce_sum(&mut values, Wire::Float32).unwrap_err().to_string()
    });
    assert_eq!(errors[0], "rank 1 gave 4 values to the all-reduce, we gave 3");
    let errors = on_all(2, |mut rank| match rank.rank() {
        0 => rank.broadcast(2, &mut vec![]).and(rank.barrier()).unwrap_err().to_string(),
        _ => rank.barrier().unwrap_err().to_string(),
    });
    assert_eq!(
        errors,
        ["cannot broadcast from rank 2: ranks are 0 to 1", "rank 0 is gone: it left before the barrier"]
    );
}

#[test]
fn every_rank_gets_the_bytes_of_all() {
    let gathered = on_all(3, |mut rank| rank.all_gather(vec![7; rank.rank()]).unwrap());
    assert_eq!(gathered, vec![vec![vec![], vec![7], vec![7, 7]]; 3]);
    assert_eq!(Single.all_gather(vec![1, 2]).unwrap(), [[1, 2]]);
}

#[test]
fn a_rank_that_stops_says_why() {
    let errors = on_all(3, |mut rank| {
        rank.barrier().unwrap();
        if rank.rank() == 1 {
            rank.abort("out of memory");
        }
        rank.barrier().unwrap_err().to_string()
    });
    assert_eq!(errors, ["rank 1 stopped: out of memory"; 3]);
}

#[test]
fn one_rank_keeps_what_it_has() {
    let ranks: [Box<dyn Collective>; 2] = [Box::new(Single), Box::new(Threads::connect(1).remove(0))];
    for mut rank in ranks {
        let (mut values, mut bytes) = ([1.5, -0.0], vec![1, 2]);
        rank.all_reduce_sum(&mut values, Wire::Float32).unwrap();
        rank.broadcast(0, &mut bytes).unwrap();
        rank.barrier().unwrap();
        assert_eq!((values.map(f32::to_bits), bytes), ([1.5, -0.0f32].map(f32::to_bits), vec![1, 2]));
        assert_eq!((rank.rank(), rank.world()), (0, 1));
        let error = rank.broadcast(1, &mut vec![]).unwrap_err();
        assert_eq!(error.to_string(), "cannot broadcast from rank 1: ranks are 0 to 0");
    }
}
