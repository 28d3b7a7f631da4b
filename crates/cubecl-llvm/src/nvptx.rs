//! PTX, NVIDIA's assembly language.

/// Its versions.
pub mod ptx_version {
    use core::fmt::{self, Display, Formatter};

    /// A version of PTX; none is ever made here.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct PtxVersion(u32);

    impl PtxVersion {
        /// The newest version that a driver of CUDA `_version` (12080 is 12.8) reads: unknown, and NVRTC does not ask.
        pub fn for_driver(_version: i32) -> Option<Self> {
            None
        }
    }

    impl Display for PtxVersion {
        fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
            write!(formatter, "ptx{}", self.0)
        }
    }
}
