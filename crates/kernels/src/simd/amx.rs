//! Tiles of pairs of bfloat16: AMX, Intel's from Sapphire Rapids on. Eight registers of 16 rows of 64 bytes, and an instruction
//! that adds the product of two of them to a third: 8192 products, where one of AVX-512 BF16 has 32.
//!
//! A tile of sums is 2x2 registers (`sums`), which takes four instructions for four registers that are read; vectors are those
//! of AVX-512 BF16. `instructions` are the handful that is used, `support` finds out whether they are there; `turn` is for left
//! sides whose rows do not lie as a register reads them.
//!
//! Source: "Intel 64 and IA-32 Architectures Software Developer's Manual", volume 1, chapter 18, and "Intel Architecture
//! Instruction Set Extensions Programming Reference", chapter 3.
//!
//! No processor has run this yet: it was tested with its instructions emulated (`tests/emulator`), and never timed.

mod instructions;
mod sums;
mod support;
mod turn;

use super::Kernel;
use super::avx512_bf16::Avx512Bf16;

pub(crate) use support::{assume, is_there};

/// Rows of a register, and slots of each.
const SIDE: usize = 16;

/// Height of a tile of sums: two registers above each other.
pub(super) const ROWS: usize = 2 * SIDE;

/// Registers that are configured, until this is dropped.
struct Configured;

impl Drop for Configured {
    fn drop(&mut self) {
        // SAFETY: made where the instructions are there. A thread without tiles is switched faster, and one that panicked has
        // none left.
        unsafe { instructions::release() };
    }
}

/// # Safety
/// The processor has AMX with bfloat16, AVX-512F and AVX-512 BF16, and the system lets this process use them.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: the caller's; whatever this thread had in tiles, kernels do not run inside of each other.
    unsafe { instructions::configure() };
    let _configured = Configured;
    kernel.run::<Avx512Bf16<sums::Registers>, ROWS>()
}
