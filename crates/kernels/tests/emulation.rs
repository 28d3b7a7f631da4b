//! The instructions of AMX against plain arithmetic: the emulated ones, or the processor's own where it has them.

#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod emulator;

use std::arch::asm;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use brazier_kernels::convolution::{Algorithm, Images, Output, Packed};
use brazier_kernels::{Convolution, Format, Halves, Path};
use emulator::decode::Instruction;
use emulator::signal;
use emulator::tiles::Tiles;

/// Bytes that LDTILECFG reads.
#[repr(align(64))]
#[derive(Clone, Copy)]
struct Shapes([u8; 64]);

/// Sums, left and right in tiles 0, 1 and 2: rows, and bytes of a row.
fn shapes(of: [(u8, u8); 3]) -> Shapes {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    for (tile, (rows, width)) in of.into_iter().enumerate() {
        bytes[16 + 2 * tile] = width;
        bytes[48 + tile] = rows;
    }
    Shapes(bytes)
}

/// Whether there is something to test.
fn is_there() -> bool {
    emulator::paths().iter().any(|path| path.to_string() == "amx")
}

/// Adds the product of two tiles to sums. Rows of all of them are 64 bytes apart in memory.
fn multiply(shapes: &Shapes, sums: &mut [f32; 256], left: &[u16; 512], right: &[u16; 512]) {
    // SAFETY: the instructions are there; each side has room for the largest tile. What is left behind no register needs.
    unsafe {
        asm!(
            "ldtilecfg [{shapes}]",
            // With distances of both lengths that stand in the instruction.
            "tileloadd tmm0, [{sums} + {stride}]",
            "tileloadd tmm1, [{left} + {stride} - 640]",
            "tileloadd tmm2, [{right} + {stride} + 64]",
            "tdpbf16ps tmm0, tmm1, tmm2",
            "tilestored [{sums} + {stride}], tmm0",
            "tilerelease",
            shapes = in(reg) shapes.0.as_ptr(),
            sums = in(reg) sums.as_mut_ptr(),
            left = in(reg) left.as_ptr().cast::<u8>().wrapping_add(640),
            right = in(reg) right.as_ptr().cast::<u8>().wrapping_sub(64),
            stride = in(reg) 64usize,
            options(nostack),
        );
    }
}

fn half(value: f32) -> u16 {
    assert_eq!(value.to_bits() & 0xffff, 0, "{value} is no bfloat16");
    (value.to_bits() >> 16) as u16
}

/// Whole numbers whose products and sums have no rounding.
fn small(seed: usize) -> f32 {
    (seed * 7 % 23) as f32 - 11.0
}

#[test]
fn tiles_of_any_shape_are_multiplied() {
    if !is_there() {
        return;
    }
    for (rows, pairs, columns) in [(16, 16, 16), (5, 3, 7), (1, 16, 1), (16, 1, 16), (2, 9, 16)] {
        let shapes = shapes([(rows, 4 * columns), (rows, 4 * pairs), (pairs, 4 * columns)]);
        let left: [u16; 512] = std::array::from_fn(|index| half(small(index + 3)));
        let right: [u16; 512] = std::array::from_fn(|index| half(small(index * 5 + 1)));
        let before: [f32; 256] = std::array::from_fn(|index| small(index * 3 + 2));
        let mut sums = before;
        multiply(&shapes, &mut sums, &left, &right);
        for row in 0..16 {
            for column in 0..16 {
                let mut expected = before[row * 16 + column];
                // What is outside of the tile is not written.
                if row < rows.into() && column < columns.into() {
                    for k in 0..2 * usize::from(pairs) {
                        let (pair, half) = (k / 2, k % 2);
                        let a = small(row * 32 + k + 3);
                        expected += a * small((pair * 32 + 2 * column + half) * 5 + 1);
                    }
                }
                assert_eq!(sums[row * 16 + column], expected, "{rows}x{pairs}x{columns}: {row}, {column}");
            }
        }
    }
}

/// The first sum of a row of pairs times a column of pairs, added to `start`.
fn first(start: f32, left: &[[f32; 2]], right: &[[f32; 2]]) -> f32 {
    let (mut a, mut b, mut sums) = ([0u16; 512], [0u16; 512], [0.0; 256]);
    sums[0] = start;
    for (pair, (left, right)) in left.iter().zip(right).enumerate() {
        for side in 0..2 {
            a[2 * pair + side] = half(left[side]);
            b[32 * pair + side] = half(right[side]);
        }
    }
    multiply(&shapes([(16, 64); 3]), &mut sums, &a, &b);
    sums[0]
}

#[test]
fn halves_of_pairs_are_summed_apart() {
    if !is_there() {
        return;
    }
    let (big, one) = (33_554_432.0, [1.0; 2]);
    // 1 is lost beside 2^25 but not beside -2^25 + 2^25, which meet only where they are the same half.
    let apart = [[big, -big], [1.0, 0.0]];
    assert_eq!(first(0.0, &apart, &[one, one]), 0.0);
    let together = [[big, 1.0], [-big, 0.0]];
    assert_eq!(first(0.0, &together, &[one, one]), 1.0);
    // Products come together before what was there is added.
    assert_eq!(first(big, &[[1.0, 1.0], [1.0, 1.0]], &[one, one]), big + 4.0);
}

#[test]
fn what_is_too_small_to_be_normal_is_zero() {
    if !is_there() {
        return;
    }
    let (least, tiny) = (f32::MIN_POSITIVE, f32::from_bits(0x0040_0000));
    let cases = [
        ((0.0, [tiny, 0.0], [1.0, 0.0]), 0.0),
        ((0.0, [1.0, 0.0], [tiny, 0.0]), 0.0),
        ((0.0, [least, 0.0], [0.5, 0.0]), 0.0),
        ((0.0, [least, 0.0], [1.0, 0.0]), least),
        ((tiny, [0.0, 0.0], [1.0, 0.0]), 0.0),
        ((tiny, [least, 0.0], [1.0, 0.0]), least),
        ((-1.5 * least, [least, 0.0], [1.0, 0.0]), 0.0),
    ];
    for ((start, left, right), expected) in cases {
        assert_eq!(first(start, &[left], &[right]), expected, "{start:e} + {left:?} * {right:?}");
    }
    assert!(first(0.0, &[[f32::NAN, 0.0]], &[[0.0, 1.0]]).is_nan());
    assert!(first(0.0, &[[f32::INFINITY, 0.0]], &[[0.0, 1.0]]).is_nan());
}

#[test]
fn each_thread_has_tiles_of_its_own() {
    if !is_there() {
        return;
    }
    let shapes = shapes([(16, 64), (0, 0), (0, 0)]);
    let (values, mut found) = ([1.5f32; 256], [0.0f32; 256]);
    // SAFETY: the instructions are there, and each side has room for a tile; kernels of this thread are done.
    unsafe {
        asm!("ldtilecfg [{}]", in(reg) shapes.0.as_ptr(), options(nostack));
        asm!("tileloadd tmm0, [{} + {}]", in(reg) values.as_ptr(), in(reg) 64usize, options(nostack));
    }
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(first(2.0, &[[3.0, 4.0]], &[[5.0, 6.0]]), 41.0));
    });
    // SAFETY: as above.
    unsafe {
        asm!("tilestored [{} + {}], tmm0", in(reg) found.as_mut_ptr(), in(reg) 64usize, options(nostack));
        asm!("tilezero tmm0", options(nostack));
    }
    assert_eq!(found, values);
    // SAFETY: as above.
    unsafe {
        asm!("tilestored [{} + {}], tmm0", in(reg) found.as_mut_ptr(), in(reg) 64usize, options(nostack));
        asm!("tilerelease", options(nostack));
    }
    assert_eq!(found, [0.0; 256]);
}

#[test]
fn a_convolution_leaves_no_tiles_configured() {
    if !is_there() {
        return;
    }
    let (path, format) = (Path::named("amx").unwrap(), Format::Bfloat16);
    let (convolution, source) = (Convolution::linear(64, 64), Images { count: 100, height: 1, width: 1 });
    let (x, mut y) = (Halves::of(path, &vec![0.5; 6400], 64), vec![0.0; 6400]);
    let weights = Packed::forward(path, format, (convolution, Algorithm::Direct), &vec![0.25; 4096]).unwrap();
    rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap().install(|| {
        convolution.forward(source, (&x).into(), &weights, Output::default(), (&mut y).into()).unwrap();
        assert!(rayon::broadcast(|_| !signal::is_configured()).into_iter().all(|is_released| is_released));
    });
    assert!(y.iter().all(|&y| y == 8.0));
}

#[test]
fn what_a_processor_refuses_is_refused() {
    let mut tiles = Tiles::new();
    let multiply = Instruction::Multiply { sums: 0, left: 1, right: 2 };
    let run = |tiles: &mut Tiles, instruction| {
        // SAFETY: these name no memory.
        unsafe { tiles.run(instruction) }.unwrap_err()
    };
    assert!(run(&mut tiles, Instruction::Zero { tile: 0 }).contains("not configured"));
    let change = |at: usize, value: u8| {
        let mut bytes = shapes([(16, 64); 3]).0;
        bytes[at] = value;
        bytes
    };
    for (at, value, expected) in [
        (0, 2, "palette"),
        (1, 3, "begin"),
        (9, 1, "reserved"),
        (16, 65, "width"),
        (48, 17, "rows"),
        (49, 0, "rows"),
        (56, 1, "reserved"),
    ] {
        let error = tiles.configure(&change(at, value)).unwrap_err();
        assert!(error.contains(expected), "{at}, {value}: {error}");
    }
    tiles.configure(&change(48, 15)).unwrap();
    assert!(run(&mut tiles, multiply).contains("shapes"));
    tiles.configure(&shapes([(16, 64), (16, 32), (16, 64)]).0).unwrap();
    assert!(run(&mut tiles, multiply).contains("shapes"));
    assert!(run(&mut tiles, Instruction::Multiply { sums: 0, left: 0, right: 2 }).contains("twice"));
    assert!(run(&mut tiles, Instruction::Zero { tile: 3 }).contains("not configured"));
}

/// Set in a process that is to do what ends it.
const CHILD: &str = "BRAZIER_TEST_ILLEGAL";

#[test]
fn other_illegal_instructions_end_the_process() {
    if !is_there() {
        return;
    }
    match std::env::var(CHILD).as_deref() {
        // SAFETY: it ends the process, which is what it is for.
        Ok("ud2") => unsafe { asm!("ud2") },
        // SAFETY: as above.
        Ok(_) => unsafe { asm!("tilezero tmm0") },
        Err(_) => {}
    }
    for what in ["ud2", "tilezero"] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let arguments = ["--exact", "other_illegal_instructions_end_the_process", "--nocapture"];
        let output = command.args(arguments).env(CHILD, what).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        let signal = output.status.signal();
        // A processor's own refusal is the same signal as for what it does not know.
        let is_emulated = told.contains("is a fault: tile 0 is not configured");
        let expected = if is_emulated { libc::SIGABRT } else { libc::SIGILL };
        assert_eq!(signal, Some(expected), "{what}: {told}");
        assert!(what == "tilezero" || !is_emulated, "{told}");
    }
}

#[test]
fn the_path_is_the_last_and_has_its_name() {
    if is_there() {
        assert_eq!(Path::best().to_string(), "amx");
        assert_eq!(Path::named("amx"), Ok(Path::best()));
    }
}
