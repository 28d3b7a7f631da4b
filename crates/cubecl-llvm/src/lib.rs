//! Stands in for the crate `cubecl-llvm`, of which the feature `cuda` needs the names and nothing else.
//!
//! `cubecl-cuda` 0.11 has two ways from a kernel to the GPU: LLVM, and CUDA C++ with NVRTC. It compiles both in and
//! chooses with its feature `cpp`, which we turn on: LLVM is never called. But the real crate links a static LLVM of
//! 23.1 that its build script downloads, which no package registry has. `[patch.crates-io]` of the workspace puts
//! this crate in its place.
//!
//! Here: the types, the fields and the two functions that `cubecl-cuda` names. Not here: a compiler. The one
//! invariant: [`PlironCompiler::compile`] answers an error that says so.
//!
//! Written against `cubecl-cuda` 0.11.3 (`src/compiler.rs`, `src/runtime.rs`, `src/compute/context.rs`); what a later
//! version wants besides shows when it is built.

use core::ffi::c_char;
use core::fmt::{self, Display, Formatter};

use cubecl_core::ir::nvidia::SmArch;
use cubecl_core::prelude::KernelDefinition;
use cubecl_runtime::compiler::{CompilationError, Compiler};
use cubecl_runtime::kernel::BufferIOAttr;

pub mod nvptx;
pub mod shared;

/// What LLVM would compile for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LlvmTarget {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU.
    Nvptx,
}

/// The compiler that is not here.
#[derive(Clone, Debug, Default)]
pub struct PlironCompiler {
    /// What it would compile for.
    pub target: LlvmTarget,
}

/// What a compilation would be told.
#[derive(Clone, Debug, Default)]
pub struct PlironOptions {
    /// Of other targets than NVIDIA's.
    pub arch: Option<()>,
    /// The GPU's compute capability.
    pub sm_arch: Option<SmArch>,
    /// The newest PTX that the driver reads.
    pub ptx_version: Option<nvptx::ptx_version::PtxVersion>,
    /// Whether launch parameters lie in constant memory.
    pub grid_constants: bool,
}

/// A compiled kernel; none is ever made here.
#[derive(Clone, Debug)]
pub struct NvptxModule {
    /// PTX, ended by a zero.
    pub ptx: Vec<c_char>,
    /// The kernel's name in it.
    pub entrypoint: String,
    /// The text it was made from.
    pub ir: String,
    /// Bytes.
    pub shared_memory_size: usize,
    /// What the kernel does with each buffer.
    pub io: Vec<BufferIOAttr>,
}

/// What a compilation would answer.
#[derive(Clone)]
pub enum PlironArtifact {
    /// Code of the processor.
    Jit,
    /// Code of an NVIDIA GPU.
    NvptxCode(NvptxModule),
}

impl Display for PlironArtifact {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jit => formatter.write_str("code of the processor"),
            Self::NvptxCode(module) => formatter.write_str(&module.ir),
        }
    }
}

impl Compiler for PlironCompiler {
    type Representation = PlironArtifact;
    type CompilationOptions = PlironOptions;

    fn compile(
        &mut self,
        _: KernelDefinition,
        _: &Self::CompilationOptions,
    ) -> Result<Self::Representation, CompilationError> {
        Err(CompilationError::Generic {
            reason: "this build has no LLVM: expected the feature `cpp` of cubecl-cuda, which takes NVRTC".to_owned(),
            backtrace: Default::default(),
        })
    }

    fn extension(&self) -> &'static str {
        "ll"
    }

    fn lang_tag(&self) -> &'static str {
        "llvm"
    }
}
