//! The instructions, with the registers that each is for: sums in `tmm0` to `tmm3`, two above two; rows of the left side in
//! `tmm4` and `tmm5`, columns of the right one in `tmm6` and `tmm7`.
//!
//! What one leaves in them the next finds: the compiler has no values in these registers, since no function of this program is
//! compiled for AMX.

use core::arch::asm;

use super::SIDE;

/// Where a register's rows are in memory.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The first.
    pub(super) first: *const f32,
    /// Bytes from one to the next.
    pub(super) stride: usize,
}

/// Bytes of a row of two registers, and from row to row of the right side.
const WIDTH: usize = 2 * SIDE * size_of::<f32>();

/// The shapes of registers, as the instruction reads them.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    /// Bytes of a row.
    widths: [u16; 16],
    rows: [u8; 16],
}

/// All eight as large as they come; there are no more in palette 1.
static ALL: Configuration = {
    let (mut widths, mut rows) = ([0; 16], [0; 16]);
    let mut register = 0;
    while register < 8 {
        widths[register] = (SIDE * size_of::<f32>()) as u16;
        rows[register] = SIDE as u8;
        register += 1;
    }
    Configuration { palette: 1, start_row: 0, reserved: [0; 14], widths, rows }
};

/// Gives all registers their shape, and zeros.
///
/// # Safety
/// AMX is there, and nobody needs what this thread has in them.
#[inline(always)]
pub(super) unsafe fn configure() {
    // SAFETY: the caller's; 64 readable bytes.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const ALL, options(nostack, readonly, preserves_flags)) };
}

/// Takes their shape and content from them.
///
/// # Safety
/// AMX is there, and nobody needs what this thread has in them.
#[inline(always)]
pub(super) unsafe fn release() {
    // SAFETY: the caller's.
    unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
}

/// Makes all sums 0.
///
/// # Safety
/// Registers are configured.
#[inline(always)]
pub(super) unsafe fn zero() {
    // SAFETY: the caller's.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            options(nostack, nomem, preserves_flags),
        );
    }
}

/// Reads the sums: two registers side by side at each place.
///
/// # Safety
/// Registers are configured, and rows of [`WIDTH`] are readable.
#[inline(always)]
pub(super) unsafe fn load([upper, lower]: [Place; 2]) {
    // SAFETY: the caller's.
    unsafe {
        asm!(
            "tileloadd tmm0, [{upper} + {upper_stride}]",
            "tileloadd tmm1, [{upper} + {upper_stride} + 64]",
            "tileloadd tmm2, [{lower} + {lower_stride}]",
            "tileloadd tmm3, [{lower} + {lower_stride} + 64]",
            upper = in(reg) upper.first,
            upper_stride = in(reg) upper.stride,
            lower = in(reg) lower.first,
            lower_stride = in(reg) lower.stride,
            options(nostack, readonly, preserves_flags),
        );
    }
}

/// Writes the sums.
///
/// # Safety
/// Registers are configured, and rows of [`WIDTH`] are writable.
#[inline(always)]
pub(super) unsafe fn store([upper, lower]: [Place; 2]) {
    // SAFETY: the caller's.
    unsafe {
        asm!(
            "tilestored [{upper} + {upper_stride}], tmm0",
            "tilestored [{upper} + {upper_stride} + 64], tmm1",
            "tilestored [{lower} + {lower_stride}], tmm2",
            "tilestored [{lower} + {lower_stride} + 64], tmm3",
            upper = in(reg) upper.first,
            upper_stride = in(reg) upper.stride,
            lower = in(reg) lower.first,
            lower_stride = in(reg) lower.stride,
            options(nostack, preserves_flags),
        );
    }
}

/// Adds the products of 16 pairs of each row: two registers of rows, and two of columns that stand side by side in `right`,
/// [`WIDTH`] from pair to pair.
///
/// # Safety
/// Registers are configured, 64 bytes of each row of the left side are readable, and 16 rows of [`WIDTH`] of the right one.
#[inline(always)]
pub(super) unsafe fn multiply([upper, lower]: [Place; 2], right: *const f32) {
    // SAFETY: the caller's. What is read first is needed first.
    unsafe {
        asm!(
            "tileloadd tmm6, [{right} + {width}]",
            "tileloadd tmm4, [{upper} + {upper_stride}]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{right} + {width} + 64]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{lower} + {lower_stride}]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            right = in(reg) right,
            width = in(reg) WIDTH,
            upper = in(reg) upper.first,
            upper_stride = in(reg) upper.stride,
            lower = in(reg) lower.first,
            lower_stride = in(reg) lower.stride,
            options(nostack, readonly, preserves_flags),
        );
    }
}
