//! Which instructions the kernels use.

use std::fmt::{self, Display, Formatter};

#[cfg(target_arch = "x86_64")]
use crate::simd::amx;

/// An instruction set that this processor has: [`Path::all`] and [`Path::named`] give no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Path {
    /// Plain Rust.
    Portable,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    #[non_exhaustive]
    Avx2,
    /// AVX-512F, and AVX-512 BF16 where it is there.
    #[cfg(target_arch = "x86_64")]
    #[non_exhaustive]
    Avx512,
    /// AMX for bfloat16, and AVX-512 for all else. No processor has run it yet: it was tested with its instructions emulated,
    /// and never timed.
    #[cfg(target_arch = "x86_64")]
    #[non_exhaustive]
    Amx,
}

/// A name that is no instruction set of this processor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the instruction set is '{found}', expected one that this processor has: {expected}")]
pub struct UnknownPath {
    /// The name.
    pub found: String,
    /// Those that would do.
    pub expected: String,
}

impl Path {
    /// Those of this processor, the fastest last.
    pub fn all() -> Vec<Path> {
        let mut paths = vec![Path::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                paths.push(Path::Avx2);
            }
            if is_x86_feature_detected!("avx512f") {
                paths.push(Path::Avx512);
            }
            if amx::is_there() {
                paths.push(Path::Amx);
            }
        }
        paths
    }

    /// Lets [`Path::all`] contain [`Path::Amx`] from now on, for tests that emulate its instructions.
    ///
    /// # Safety
    /// The processor has AVX-512F and AVX-512 BF16, and every thread's AMX instructions do what Intel's manual says.
    #[cfg(target_arch = "x86_64")]
    #[doc(hidden)]
    pub unsafe fn assume_amx() {
        amx::assume();
    }

    /// The fastest of this processor.
    pub fn best() -> Path {
        Path::all().last().copied().unwrap_or(Path::Portable)
    }

    /// The one of that name: `portable`, `avx2`, `avx512`, `amx`.
    ///
    /// # Errors
    /// Another name, or one of an instruction set that this processor lacks.
    pub fn named(name: &str) -> Result<Path, UnknownPath> {
        let all = Path::all();
        all.iter().copied().find(|path| path.to_string() == name).ok_or_else(|| UnknownPath {
            found: name.to_owned(),
            expected: all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        })
    }
}

impl Display for Path {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Path::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Path::Amx => "amx",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_reads_what_it_writes() {
        for path in Path::all() {
            assert_eq!(Path::named(&path.to_string()), Ok(path));
        }
    }

    #[test]
    fn other_names_are_refused() {
        let error = Path::named("sse9").unwrap_err().to_string();
        assert!(error.contains("'sse9'") && error.contains("portable"), "{error}");
    }
}
