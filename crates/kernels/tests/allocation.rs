//! Kernels that run again ask the system for nothing: what they need they find where the last call left it. Only results that
//! are vectors of channels are new.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use brazier_kernels::convolution::{Images, Output, Packed};
use brazier_kernels::norm::{self, Norm};
use brazier_kernels::pool::{self, Window};
use brazier_kernels::{Buffer, Convolution, Factors, Format, HalfRows, Path, Results, sum};

/// The system's, counted.
struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's answers, as they are.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How often `work` allocates when it was done before. What threads leave behind comes in their own time: the least of some
/// runs counts.
fn allocations(mut work: impl FnMut()) -> usize {
    (0..8).for_each(|_| work());
    let count = |_| {
        let before = COUNT.load(Relaxed);
        work();
        COUNT.load(Relaxed) - before
    };
    (0..24).map(count).min().unwrap_or_default()
}

/// Values of a format in which everything is 0 but some.
struct Side {
    values: Buffer,
    format: Format,
    columns: usize,
}

impl Side {
    fn new(format: Format, rows: usize, columns: usize) -> Self {
        Side { values: Buffer::zeros(rows * format.slots(columns)), format, columns }
    }

    fn factors(&self) -> Factors<'_> {
        match self.format {
            Format::Float32 => Factors::Float32(&self.values),
            Format::Bfloat16 => HalfRows::new(&self.values, self.columns).into(),
        }
    }

    fn results(&mut self) -> Results<'_> {
        Results::of(self.format, &mut self.values)
    }
}

/// Kernel, stride, padding, channels in and out, images, extent: all forms of a convolution.
const CASES: [[usize; 7]; 8] = [
    [3, 1, 1, 64, 64, 4, 14],
    [3, 1, 1, 64, 64, 1, 7],
    [3, 1, 1, 40, 24, 3, 9],
    [3, 2, 1, 64, 128, 4, 14],
    [1, 1, 0, 64, 256, 2, 14],
    [1, 2, 0, 256, 512, 2, 14],
    [7, 2, 3, 3, 64, 2, 32],
    [3, 1, 1, 1, 64, 3, 28],
];

fn formats() -> impl Iterator<Item = (Path, Format)> {
    Path::all().into_iter().flat_map(|path| [Format::Float32, Format::Bfloat16].map(|format| (path, format)))
}

fn convolutions_ask_for_nothing() {
    for (path, format) in formats() {
        for case in CASES {
            let [kernel, stride, padding, input, output, count, extent] = case;
            let convolution = Convolution { input, output, kernel, stride, padding };
            let source = Images { count, height: extent, width: extent };
            let target = convolution.target(source);
            let of_images = if convolution.is_stem() { Format::Float32 } else { format };
            let (x, dy) =
                (Side::new(of_images, source.pixels(), input), Side::new(format, target.pixels(), output));
            let (mut y, mut dx) =
                (Side::new(format, target.pixels(), output), Side::new(of_images, source.pixels(), input));
            let (weights, mut dw) =
                (Buffer::zeros(convolution.weights()), Buffer::new(convolution.weights()));
            let algorithm = convolution.algorithm(source);
            let step = || {
                let how = (convolution, algorithm);
                let packed = Packed::forward(path, format, how, &weights).unwrap();
                convolution.forward(source, x.factors(), &packed, Output::default(), y.results()).unwrap();
                let packed = Packed::data_gradient(path, format, how, &weights).unwrap();
                convolution.data_gradient(source, dy.factors(), &packed, None, dx.results()).unwrap();
                convolution.weight_gradient(path, source, x.factors(), dy.factors(), &mut dw).unwrap();
            };
            assert_eq!(allocations(step), 0, "{path}, {format:?}: {case:?}");
        }
    }
}

fn norms_give_vectors_of_channels_and_ask_for_nothing_else() {
    for (path, format) in formats() {
        for channels in [16, 64, 200] {
            let (x, dy) = (Side::new(format, 5000, channels), Side::new(format, 5000, channels));
            let (mut y, mut dx) = (Side::new(format, 5000, channels), Side::new(format, 5000, channels));
            let beta = Buffer::zeros(channels);
            let statistics = norm::statistics(path, x.factors(), channels).unwrap();
            let norm =
                Norm { statistics: &statistics, gamma: Some(&beta), beta: &beta, epsilon: 1e-5, relu: true };
            let of_statistics = || drop(norm::statistics(path, x.factors(), channels).unwrap());
            assert_eq!(allocations(of_statistics), 2, "{path}, {format:?}: {channels}");
            let normalise = || norm::normalise(path, x.factors(), norm, y.results()).unwrap();
            assert_eq!(allocations(normalise), 0, "{path}, {format:?}: {channels}");
            let both = [x.factors(), dy.factors()];
            let of_sums = || drop(norm::sums(path, both, norm).unwrap());
            assert_eq!(allocations(of_sums), 2, "{path}, {format:?}: {channels}");
            let sums = norm::sums(path, both, norm).unwrap();
            let gradient = || norm::data_gradient(path, both, norm, &sums, None, dx.results()).unwrap();
            assert_eq!(allocations(gradient), 0, "{path}, {format:?}: {channels}");
        }
    }
}

fn pools_and_sums_ask_for_nothing() {
    let (window, channels) = (Window { extent: 3, stride: 2, padding: 1 }, 64);
    let source = Images { count: 3, height: 28, width: 28 };
    let target = window.target(source);
    for (path, format) in formats() {
        let (x, mut y) =
            (Side::new(format, source.pixels(), channels), Side::new(format, target.pixels(), channels));
        let (dy, mut dx) =
            (Side::new(format, target.pixels(), channels), Side::new(format, source.pixels(), channels));
        let mut taps = vec![0; target.pixels() * channels];
        let (mut means, of_means) =
            (Buffer::new(source.count * channels), Buffer::zeros(source.count * channels));
        let step = || {
            window.largest(path, source, channels, x.factors(), y.results(), Some(&mut taps)).unwrap();
            window.largest_gradient(path, source, channels, dy.factors(), &taps, dx.results()).unwrap();
            pool::mean(source, channels, x.factors(), &mut means).unwrap();
            pool::mean_gradient(source, channels, &of_means, dx.results()).unwrap();
            sum::rectified(path, [x.factors(), x.factors()], dx.results()).unwrap();
        };
        assert_eq!(allocations(step), 0, "{path}, {format:?}");
    }
}

/// One test: all threads of the process are counted.
#[test]
fn what_runs_again_allocates_nothing() {
    convolutions_ask_for_nothing();
    norms_give_vectors_of_channels_and_ask_for_nothing_else();
    pools_and_sums_ask_for_nothing();
}
