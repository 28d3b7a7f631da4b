//! Numbers that reading and writing share (MXNet's `ndarray.cc` and `c_api.cc`).

/// The first eight bytes of a file.
pub(super) const FILE_MAGIC: u64 = 0x112;

/// First word of an array that has a storage type and 64-bit extents.
pub(super) const VERSION_2: u32 = 0xf993_fac9;
/// First word of an array that has 64-bit extents.
pub(super) const VERSION_1: u32 = 0xf993_fac8;
/// First word of an array saved under numpy's semantics, where no dimensions mean a scalar.
pub(super) const VERSION_3: u32 = 0xf993_faca;

/// The storage type of an array that is not sparse.
pub(super) const DENSE: i32 = 0;
/// Device type and number: 1 is the CPU, where MXNet copies an array before it saves it.
pub(super) const CPU: [i32; 2] = [1, 0];
