//! Which engine computes layers on the processor, and what its convolutions multiply.

use std::cell::Cell;
use std::env;
use std::sync::OnceLock;
use std::thread::LocalKey;

use brazier_kernels::{Format, Path};

/// The variable that says it; empty counts as unset.
const VARIABLE: &str = "BRAZIER_KERNELS";

/// What computes layers on the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// burn's own kernels.
    Flex,
    /// Ours, with these instructions.
    Kernels(Path),
}

/// A value of the variable that names no engine of this processor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{VARIABLE} is '{found}', expected auto, flex or one that this processor has: {expected}")]
pub struct UnknownEngine {
    found: String,
    expected: String,
}

impl Engine {
    /// The engine of that name: `auto`, `flex`, `portable`, `avx2`, `avx512`, `amx`.
    ///
    /// # Errors
    /// Another name, or one of instructions that this processor lacks.
    pub fn named(name: &str) -> Result<Self, UnknownEngine> {
        match name {
            "" | "auto" => Ok(Engine::Kernels(Path::best())),
            "flex" => Ok(Engine::Flex),
            _ => Path::named(name)
                .map(Engine::Kernels)
                .map_err(|error| UnknownEngine { found: error.found, expected: error.expected }),
        }
    }
}

thread_local! {
    static HERE: Cell<Option<Engine>> = const { Cell::new(None) };
    static FORMAT: Cell<Format> = const { Cell::new(Format::Float32) };
}

/// Whether the environment names an engine of this processor; without this call, a name that does not counts as `auto`.
///
/// # Errors
/// It does not.
pub fn check() -> Result<Engine, UnknownEngine> {
    Engine::named(&env::var(VARIABLE).unwrap_or_default())
}

/// Runs `work` with another engine on this thread, to compare them.
pub fn with<T>(engine: Engine, work: impl FnOnce() -> T) -> T {
    exchange(&HERE, Some(engine), work)
}

/// Runs `work` so that our kernels' convolutions of this thread multiply numbers of `format`, in the gradients of what is
/// computed here too. In bfloat16 they also give it, and layers behind them keep it: activations and their gradients are half
/// as large. Sums and weights stay float32, and so do the first convolution's factors and the mean over an image.
pub fn multiplying<T>(format: Format, work: impl FnOnce() -> T) -> T {
    exchange(&FORMAT, format, work)
}

/// Runs `work` with another value, also if it panics.
fn exchange<V: Copy + 'static, T>(
    place: &'static LocalKey<Cell<V>>,
    value: V,
    work: impl FnOnce() -> T,
) -> T {
    struct Back<V: Copy + 'static>(&'static LocalKey<Cell<V>>, V);
    impl<V: Copy + 'static> Drop for Back<V> {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    let _back = Back(place, place.replace(value));
    work()
}

/// What convolutions multiply.
pub(super) fn format() -> Format {
    FORMAT.get()
}

/// Whether this processor multiplies bfloat16 faster than float32.
pub fn has_fast_bfloat16() -> bool {
    path().is_some_and(|path| Format::Bfloat16.is_fast(path))
}

/// The instructions, where our kernels are to compute.
pub(super) fn path() -> Option<Path> {
    static PROCESS: OnceLock<Engine> = OnceLock::new();
    let process = || *PROCESS.get_or_init(|| check().unwrap_or(Engine::Kernels(Path::best())));
    match HERE.get().unwrap_or_else(process) {
        Engine::Flex => None,
        Engine::Kernels(path) => Some(path),
    }
}
