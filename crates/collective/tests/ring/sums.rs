//! Operations, against plain sums and copies.

use brazier_collective::{Collective, Threads, Wire};
use half::f16;
use proptest::prelude::*;

use crate::{groups, on_all, on_each};

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// What rank `rank` gives.
fn share(rank: usize, length: usize) -> Vec<f32> {
    let value = |index: usize| ((index * 31 + rank * 17) % 101) as f32 / 7.0 - 5.0;
    (0..length).map(value).collect()
}

fn sum(world: usize, length: usize) -> Vec<f32> {
    let mut sums = vec![0.0; length];
    for rank in 0..world {
        sums.iter_mut().zip(share(rank, length)).for_each(|(sum, value)| *sum += value);
    }
    sums
}

/// Lengths around the number of ranks and around the size of a piece.
const LENGTHS: [usize; 10] = [0, 1, 2, 3, 7, 8, 9, 65_536, 65_537, 600_001];

#[test]
fn sums_of_1_to_8_ranks() {
    for world in [1, 2, 3, 4, 8] {
        for wire in [Wire::Float32, Wire::Float16] {
            let sums = on_all(world, |mut ring| {
                let sum = |length: usize| {
                    let mut values = share(ring.rank(), length);
                    ring.all_reduce_sum(&mut values, wire).unwrap();
                    values
                };
                let sums = LENGTHS.map(sum);
                ring.barrier().unwrap();
                sums
            });
            for (index, length) in LENGTHS.into_iter().enumerate() {
                let expected = sum(world, length);
                let tolerance = if wire == Wire::Float16 && world > 1 { 0.05 * world as f32 } else { 1e-4 };
                for rank in &sums {
                    assert_eq!(bits(&rank[index]), bits(&sums[0][index]), "world {world}, {length} values");
                    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= tolerance;
                    assert_eq!(rank[index].len(), length);
                    assert!(rank[index].iter().zip(&expected).all(near), "world {world}, {length} values");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn two_ranks_sum_as_threads_do(shares in (0usize..3000).prop_flat_map(|length| {
        prop::collection::vec(prop::collection::vec(any::<f32>(), length), 2)
    })) {
        // Of two numbers there is one sum, in whatever order.
        let over_tcp = on_all(2, |mut ring| {
            let mut values = shares[ring.rank()].clone();
            ring.all_reduce_sum(&mut values, Wire::Float32).unwrap();
            ring.barrier().unwrap();
            values
        });
        let mut expected = shares[0].clone();
        expected.iter_mut().zip(&shares[1]).for_each(|(sum, value)| *sum += value);
        let numbers = |values: &[f32]| {
            values.iter().map(|value| if value.is_nan() { f32::NAN.to_bits() } else { value.to_bits() }).collect::<Vec<_>>()
        };
        prop_assert_eq!(numbers(&over_tcp[0]), numbers(&expected));
        prop_assert_eq!(bits(&over_tcp[0]), bits(&over_tcp[1]));
    }

    #[test]
    fn any_operations_in_any_order(
        world in 2usize..5,
        lengths in prop::collection::vec((0usize..5, 0usize..5000), 1..12),
    ) {
        let results = on_all(world, |mut ring| operate(&mut ring, &lengths));
        let mut threads = Threads::connect(world);
        let expected = std::thread::scope(|scope| {
            let lengths = &lengths;
            let ranks: Vec<_> = threads.drain(..).map(|mut rank| scope.spawn(move || operate(&mut rank, lengths))).collect();
            ranks.into_iter().map(|rank| rank.join().unwrap()).collect::<Vec<_>>()
        });
        prop_assert_eq!(results, expected);
    }
}

/// Sums of whole numbers, which are exact, broadcasts and gatherings, as bytes.
fn operate(rank: &mut dyn Collective, lengths: &[(usize, usize)]) -> Vec<Vec<u8>> {
    let (number, world) = (rank.rank(), rank.world());
    let mut results = Vec::new();
    for &(kind, length) in lengths {
        results.push(match kind {
            0 | 1 => {
                let mut values = vec![(number + 1) as f32; length];
                let wire = if kind == 0 { Wire::Float32 } else { Wire::Float16 };
                rank.all_reduce_sum(&mut values, wire).unwrap();
                values.iter().flat_map(|value| value.to_le_bytes()).collect()
            }
            2 => {
                let root = length % world;
                let mut bytes = vec![number as u8; if number == root { length } else { 3 }];
                rank.broadcast(root, &mut bytes).unwrap();
                bytes
            }
            3 => rank.all_gather(vec![number as u8; length * number % 1000]).unwrap().concat(),
            _ => rank.barrier().map(|()| Vec::new()).unwrap(),
        });
    }
    rank.barrier().unwrap();
    results
}

#[test]
fn a_large_broadcast_from_every_root() {
    let content: Vec<u8> = (0..3_000_000).map(|index: u32| (index * 7 % 251) as u8).collect();
    on_all(4, |mut ring| {
        for root in 0..4 {
            let mut bytes = if ring.rank() == root { content.clone() } else { Vec::new() };
            ring.broadcast(root, &mut bytes).unwrap();
            assert!(bytes == content, "rank {}, root {root}", ring.rank());
        }
        ring.barrier().unwrap();
    });
}

#[test]
fn an_all_reduce_moves_no_byte_too_many() {
    for (world, wire, width) in [(2, Wire::Float32, 4), (4, Wire::Float32, 4), (8, Wire::Float16, 2)] {
        let length = 80_000;
        let sent = on_all(world, |mut ring| {
            let mut values = share(ring.rank(), length);
            let before = ring.spent().bytes_sent;
            ring.all_reduce_sum(&mut values, wire).unwrap();
            let after = ring.spent();
            ring.barrier().unwrap();
            assert!(after.time.as_nanos() > 0);
            after.bytes_sent - before
        });
        let payload = 2 * (world - 1) * length * width / world;
        let header = 24;
        assert_eq!(sent, vec![(payload + header) as u64; world]);
    }
}

#[test]
fn float16_rounds_what_travels_and_nothing_else() {
    // 2049 is no float16; the sum 4098 of two ranks is, but each rank's share of the wire rounds before it adds.
    let sums = on_all(2, |mut ring| {
        let mut values = vec![2049.0, 1e-9, 70_000.0, -0.0];
        ring.all_reduce_sum(&mut values, Wire::Float16).unwrap();
        ring.barrier().unwrap();
        values
    });
    let round = |value: f32| f16::from_f32(value).to_f32();
    let expected = [2049.0, 1e-9, 70_000.0, -0.0].map(|value| round(round(value) + value));
    assert_eq!(bits(&sums[0]), bits(&expected));
    assert_eq!(bits(&sums[1]), bits(&expected));
    assert_eq!(expected[2], f32::INFINITY, "what is too large is told, not wrapped");
}

#[test]
fn the_same_run_gives_the_same_bits() {
    let run = || {
        on_all(3, |mut ring| {
            let mut values: Vec<f32> = share(ring.rank(), 10_000).iter().map(|value| value.exp()).collect();
            ring.all_reduce_sum(&mut values, Wire::Float32).unwrap();
            ring.barrier().unwrap();
            bits(&values)
        })
    };
    assert_eq!(run(), run());
}

#[test]
fn nobody_passes_a_barrier_early() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let arrived = AtomicUsize::new(0);
    let seen = on_all(5, |mut ring| {
        std::thread::sleep(std::time::Duration::from_millis(30 * ring.rank() as u64));
        arrived.fetch_add(1, Ordering::SeqCst);
        ring.barrier().unwrap();
        arrived.load(Ordering::SeqCst)
    });
    assert_eq!(seen, [5; 5]);
}

#[test]
fn by_ipv6_by_name_and_by_interface() {
    let kinds: [(&str, Option<&str>); 4] =
        [("[::1]", None), ("localhost", None), ("127.0.0.1", Some("lo")), ("127.0.0.1", Some("127.0.0.1"))];
    for (name, interface) in kinds {
        let mut groups = groups(3);
        for group in &mut groups {
            let (_, port) = group.master.rsplit_once(':').unwrap();
            group.master = format!("{name}:{port}");
            group.interface = interface.map(str::to_owned);
        }
        let sums = on_each(&groups, |mut ring| {
            let mut values = [1.0];
            ring.all_reduce_sum(&mut values, Wire::Float32).unwrap();
            ring.barrier().unwrap();
            values[0]
        });
        assert_eq!(sums, [3.0; 3], "{name}");
    }
}

#[test]
fn a_group_of_one_needs_no_network() {
    let mut groups = groups(1);
    groups[0].master = "no such name:1".to_owned();
    on_each(&groups, |mut ring| {
        let (mut values, mut bytes) = ([1.5], vec![1, 2]);
        ring.all_reduce_sum(&mut values, Wire::Float16).unwrap();
        ring.broadcast(0, &mut bytes).unwrap();
        ring.barrier().unwrap();
        assert_eq!((values, ring.all_gather(bytes).unwrap()), ([1.5], vec![vec![1, 2]]));
        let error = ring.broadcast(1, &mut vec![]).unwrap_err();
        assert_eq!(error.to_string(), "cannot broadcast from rank 1: ranks are 0 to 0");
    });
}
