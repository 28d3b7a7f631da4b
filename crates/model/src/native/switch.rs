//! Which engine computes layers on the processor.

use std::cell::Cell;
use std::env;
use std::sync::OnceLock;

use brazier_kernels::Path;

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
    /// The engine of that name: `auto`, `flex`, `portable`, `avx2`, `avx512`.
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
    struct Back(Option<Engine>);
    impl Drop for Back {
        fn drop(&mut self) {
            HERE.set(self.0);
        }
    }
    let _back = Back(HERE.replace(Some(engine)));
    work()
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
