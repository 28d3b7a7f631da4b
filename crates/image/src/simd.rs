//! The widest vector instructions of the machine, chosen at run time.

/// Runs `work` compiled for the vector instructions this machine has (AVX2 on x86-64, where it exists).
///
/// The loops are plain ones that the compiler vectorises, so what must be inlined into `work` is marked so. Only
/// integers and uncontracted floating point run here: every choice gives the same bits.
#[inline]
pub(crate) fn dispatch<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}
