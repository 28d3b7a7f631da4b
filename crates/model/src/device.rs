//! Where a network computes: the processor, or NVIDIA's GPUs where the feature `cuda` is built in.
//!
//! - [`choice`]: what a person may ask for; [`select`]: from that to burn's devices
//! - [`facts`]: what the machine has, as its libraries tell it; `probe`: asks them, with the feature `cuda`
//! - `resident`, with the feature `cuda`: where a tensor lies on a GPU; `kernels`: compiled kernels that outlive a run
//! - [`judge`]: which GPUs can be used, and the sentence that says what is in the way of the others
//!
//! Not here: ranks (`collective`), number formats (`layer`). Invariant: libraries that are missing, old or at odds with
//! each other end in an [`Obstacle`], and nothing of burn's CUDA is touched before all of them were judged: deep inside,
//! a library or symbol that cannot be opened is a panic (`cudarc` 0.19, `panic_no_lib_found`).

pub mod choice;
pub mod facts;
pub mod judge;
#[cfg(feature = "cuda")]
pub mod kernels;
mod obstacle;
#[cfg(feature = "cuda")]
mod probe;
#[cfg(feature = "cuda")]
pub mod resident;

use burn::tensor::Device;

pub use choice::Choice;
pub use obstacle::Obstacle;

use crate::native::{self, UnknownEngine};

/// The devices of a choice, and what whoever made it should know.
#[derive(Debug)]
pub struct Selection {
    /// At least one, without autodiff, in the machine's order.
    pub devices: Vec<Device>,
    /// The numbers of GPUs, one for each device.
    pub numbers: Vec<usize>,
    /// What they are.
    pub kind: Kind,
    /// NCCL is there.
    pub has_nccl: bool,
    /// The GPUs and their libraries, or why there is none: one line, unset where nobody expects a GPU.
    pub told: Option<String>,
    /// GPUs that are left out, and why.
    pub warnings: Vec<String>,
}

/// What computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A processor.
    Cpu,
    /// GPUs, of which the least able has this compute capability.
    Gpu(facts::Version),
}

/// Why a choice cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// A device that this program was built without.
    #[error(
        "--device {choice}: this program is built without it, expected auto or cpu (cargo build --release --features {feature} builds one with it)"
    )]
    NotBuilt {
        /// What was asked for.
        choice: Choice,
        /// What it would have to be built with.
        feature: &'static str,
    },
    /// The layers' engine on the processor.
    #[error(transparent)]
    Engine(#[from] UnknownEngine),
    /// No GPU can be used.
    #[error("--device {choice}: {obstacle}")]
    Unusable {
        /// What was asked for.
        choice: Choice,
        /// What is in the way.
        obstacle: Obstacle,
    },
}

/// The devices of `choice`.
///
/// # Errors
/// A device that is not built in, an engine that `BRAZIER_KERNELS` names and this processor lacks, or GPUs that were asked for and cannot be used; `auto` takes the processor then.
pub fn select(choice: Choice) -> Result<Selection, DeviceError> {
    native::check()?;
    match choice {
        Choice::Cpu => Ok(Selection::cpu(None)),
        Choice::Ndarray => ndarray(),
        Choice::Auto | Choice::Cuda(_) => gpus(choice),
    }
}

impl Selection {
    /// All there is to tell, a line each.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.told.iter().cloned().chain(self.warnings.iter().map(|text| format!("warning: {text}")))
    }

    fn cpu(told: Option<String>) -> Self {
        Selection {
            devices: vec![Device::flex()],
            numbers: Vec::new(),
            kind: Kind::Cpu,
            has_nccl: false,
            told,
            warnings: Vec::new(),
        }
    }
}

#[cfg(feature = "cuda")]
fn gpus(choice: Choice) -> Result<Selection, DeviceError> {
    let facts = probe::facts();
    let judged = match choice {
        Choice::Cuda(Some(index)) => judge::one(&facts, index),
        _ => judge::all(&facts),
    };
    match judged {
        Ok(judged) => Ok(Selection {
            devices: judged.usable.iter().map(|&index| Device::cuda(index)).collect(),
            kind: Kind::Gpu(facts.least(&judged.usable)),
            told: Some(facts.sentence(&judged.usable)),
            has_nccl: facts.nccl.is_some(),
            numbers: judged.usable,
            warnings: judged.passed_over.iter().map(|obstacle| format!("left out: {obstacle}")).collect(),
        }),
        Err(obstacle) if choice == Choice::Auto => {
            Ok(Selection::cpu(Some(format!("{obstacle}. Computes on the CPU."))))
        }
        Err(obstacle) => Err(DeviceError::Unusable { choice, obstacle }),
    }
}

#[cfg(not(feature = "cuda"))]
fn gpus(choice: Choice) -> Result<Selection, DeviceError> {
    match choice {
        Choice::Auto => Ok(Selection::cpu(None)),
        _ => Err(DeviceError::NotBuilt { choice, feature: "cuda" }),
    }
}

#[cfg(feature = "ndarray")]
#[expect(deprecated, reason = "burn 0.22 has it for the last time, and it is there to compare flex with")]
fn ndarray() -> Result<Selection, DeviceError> {
    Ok(Selection {
        devices: vec![Device::ndarray()],
        numbers: Vec::new(),
        kind: Kind::Cpu,
        has_nccl: false,
        told: None,
        warnings: Vec::new(),
    })
}

#[cfg(not(feature = "ndarray"))]
fn ndarray() -> Result<Selection, DeviceError> {
    Err(DeviceError::NotBuilt { choice: Choice::Ndarray, feature: "ndarray" })
}
