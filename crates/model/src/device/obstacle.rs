//! What is in the way of a GPU, as one sentence.

use std::path::PathBuf;

use super::facts::Version;
use super::judge::{LOWEST_CAPABILITY, LOWEST_NVRTC};

/// Why a GPU, or any GPU, cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// There is no driver.
    #[error(
        "no GPU: libcuda.so is not here; NVIDIA's driver brings it, and a container gets it from its host"
    )]
    NoDriver,
    /// A `libcuda.so` that is not one.
    #[error("no GPU: libcuda.so is here but has no {symbol}, expected that of NVIDIA's driver")]
    StrangeDriver {
        /// The function that is missing.
        symbol: &'static str,
    },
    /// The driver answers with an error.
    #[error("no GPU: the driver's {function} answers error {code} ({meaning})")]
    DriverRefuses {
        /// The function that was called.
        function: &'static str,
        /// CUDA's number of the error.
        code: i32,
        /// What it stands for.
        meaning: &'static str,
    },
    /// A driver without a GPU.
    #[error("no GPU: driver {driver} shows none{visible}")]
    NoGpu {
        /// The driver.
        driver: String,
        /// What `CUDA_VISIBLE_DEVICES` is, behind a comma, if it is set.
        visible: String,
    },
    /// A number that no GPU has.
    #[error("there is no GPU {asked}: found {count}, expected a number below that")]
    NoSuchGpu {
        /// The number asked for.
        asked: usize,
        /// GPUs there are.
        count: usize,
    },
    /// A GPU of too low a compute capability.
    #[error(
        "GPU {number} ({name}) has compute capability {found}, expected {LOWEST_CAPABILITY} or more: {reason}; train on a V100, \
         T4 or later (ml.p3, ml.g4dn, ml.g5 and up), or with --device cpu"
    )]
    OldGpu {
        /// Its number.
        number: usize,
        /// Its name.
        name: String,
        /// Its compute capability.
        found: Version,
        /// What it lacks.
        reason: &'static str,
    },
    /// There is no compiler.
    #[error(
        "libnvrtc.so is not here, which compiles a GPU's code: expected NVRTC {LOWEST_NVRTC} or later on LD_LIBRARY_PATH"
    )]
    NoNvrtc,
    /// A compiler that is too old for our kernels.
    #[error("NVRTC is {found}, expected {LOWEST_NVRTC} or later, which our kernels are written for")]
    OldNvrtc {
        /// Its version.
        found: Version,
    },
    /// A compiler whose code the driver does not load.
    #[error(
        "NVRTC {nvrtc} is newer than driver {driver}, which does not load what it compiles: expected NVRTC {cuda} or earlier, or a driver of CUDA {nvrtc} or later"
    )]
    NewNvrtc {
        /// The compiler's version.
        nvrtc: Version,
        /// The driver.
        driver: String,
        /// The newest CUDA the driver knows.
        cuda: Version,
    },
    /// A compiler that does not know the GPU.
    #[error(
        "NVRTC {nvrtc} does not compile for GPU {number} ({name}) of compute capability {found}: it knows {first} to {last}"
    )]
    UnknownToNvrtc {
        /// The compiler's version.
        nvrtc: Version,
        /// The GPU's number.
        number: usize,
        /// Its name.
        name: String,
        /// Its compute capability.
        found: Version,
        /// The lowest it compiles for.
        first: Version,
        /// The highest.
        last: Version,
    },
    /// No headers.
    #[error(
        "the CUDA headers are not here, which NVRTC reads: CUDA_PATH is not set, and /usr/local/cuda and /opt/cuda are not there"
    )]
    NoHeaders,
    /// Some headers.
    #[error("the CUDA headers are not whole: {} has no {missing}; CUDA_PATH names the folder above it", folder.display())]
    IncompleteHeaders {
        /// The folder of the headers.
        folder: PathBuf,
        /// The first file that is missing.
        missing: &'static str,
    },
}
