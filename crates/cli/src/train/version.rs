//! `resnet_version` is the network's architecture.

use brazier_model::Architecture;
use brazier_sagemaker::hyperparameters::ResnetVersion;

/// What the user says, `None` for nothing.
pub fn architecture(version: Option<ResnetVersion>) -> Architecture {
    match version {
        None | Some(ResnetVersion::V2) => Architecture::V2,
        Some(ResnetVersion::V15) => Architecture::V15,
    }
}

/// What the user would say.
pub fn of(architecture: Architecture) -> ResnetVersion {
    match architecture {
        Architecture::V2 => ResnetVersion::V2,
        Architecture::V15 => ResnetVersion::V15,
    }
}
