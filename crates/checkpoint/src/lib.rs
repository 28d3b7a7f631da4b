//! Files that survive a crash, and the archives that models travel in.
//!
//! - [`commit`]: a file that is either the old one or the new one, whole, whenever the machine stops
//! - [`state`]: the state of a run as one file under checksums; [`folder`]: those of a run, the newest whole one first
//! - [`archive`]: a model's files, from a folder or a `model.tar.gz`, and back into a `model.tar.gz`
//!
//! What the files mean is not known here: weights and graphs are read by `mxnet` and `model`. `train` writes
//! artifacts through this crate, `serve` and `cli` open them with it.
//! Invariants: a name in its final place always has its whole content; an archive from a stranger costs no more
//! memory than [`archive::Limits`] allows and never names a path.

pub mod archive;
pub mod commit;
pub mod folder;
pub mod state;
