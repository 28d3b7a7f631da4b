//! Whether AMX may be used: by the processor, and by the system, which hands it out on request.

use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::simd::avx512_bf16;

/// Bits of EDX of leaf 7, as in the "Instruction Set Extensions Programming Reference", chapter 1.
const AMX_BF16: u32 = 1 << 22;
const AMX_TILE: u32 = 1 << 24;

/// States that the system saves: the tiles' configuration and their data (the same, chapter 3). In XCR0 and for Linux the
/// number of a state is that of its bit.
const CONFIGURATION: u32 = 17;
const DATA: u32 = 18;

/// Whether tests emulate it.
static ASSUMED: AtomicBool = AtomicBool::new(false);

/// Whether this process may use it, with AVX-512 BF16. It asks the system once.
pub(crate) fn is_there() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    ASSUMED.load(Ordering::Relaxed)
        || *FOUND.get_or_init(|| avx512_bf16::is_there() && has_tiles() && is_granted())
}

/// From now on it is there.
pub(crate) fn assume() {
    ASSUMED.store(true, Ordering::Relaxed);
}

/// Whether the processor has it and the system saves it. Only where AVX-512 was found, which the system saves in the same way.
fn has_tiles() -> bool {
    let wanted = AMX_BF16 | AMX_TILE;
    let saved = 1 << CONFIGURATION | 1 << DATA;
    // SAFETY: a register that is there where AVX-512 is.
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & wanted == wanted && unsafe { states() } & saved == saved
}

/// States that the system saves, a bit each.
///
/// # Safety
/// The system has set OSXSAVE, without which no AVX is found.
#[target_feature(enable = "xsave")]
unsafe fn states() -> u64 {
    // SAFETY: the caller's; register 0 is always there.
    unsafe { _xgetbv(0) }
}

/// Linux keeps 8 KiB for each thread's tiles, and only for processes that ask: without its leave, the first instruction is a
/// SIGILL. It refuses where it does not know them (before 5.16), where a sandbox forbids the call, or where a thread's stack for
/// signals is too small for so much state; then there is no AMX. Source: Documentation/arch/x86/xstate.rst.
#[cfg(target_os = "linux")]
fn is_granted() -> bool {
    const ARCH_PRCTL: usize = 158;
    const ARCH_REQ_XCOMP_PERM: usize = 0x1023;
    let mut answer = ARCH_PRCTL;
    // SAFETY: a call of the system with two numbers; it writes no memory of ours, and the two registers that are told.
    unsafe {
        core::arch::asm!(
            "syscall",
            inout("rax") answer,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") DATA as usize,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    answer == 0
}

/// Elsewhere nobody has said how to ask.
#[cfg(not(target_os = "linux"))]
fn is_granted() -> bool {
    false
}
