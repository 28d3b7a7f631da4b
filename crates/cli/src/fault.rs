//! Whose fault an error is.

use brazier_checkpoint::archive::ArchiveError;
use brazier_checkpoint::commit::CommitError;
use brazier_collective::CollectiveError;
use brazier_data::DataError;
use brazier_image::ImageError;
use brazier_model::ModelError;
use brazier_sagemaker::configuration::ConfigurationError;
use brazier_sagemaker::environment::EnvironmentError;
use brazier_sagemaker::failure::Fault;
use brazier_sagemaker::hyperparameters::Problems;
use brazier_sagemaker::resources::ResourcesError;
use brazier_serve::error::sentence;
use brazier_serve::{EngineFailure, PredictError, ServeError};
use brazier_storage::LocationError;
use brazier_storage::s3::S3Error;
use brazier_train::TrainError;

/// Something the user can put right, in a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ClientError(pub String);

/// A [`ClientError`] as any error.
pub fn client(message: impl Into<String>) -> anyhow::Error {
    ClientError(message.into()).into()
}

/// The error and its causes as one sentence.
pub fn message(error: &anyhow::Error) -> String {
    sentence(error.as_ref())
}

/// The class of an error: the first cause that is of a known type decides, and a defect of ours is what remains.
pub fn of(error: &anyhow::Error) -> Fault {
    error.chain().find_map(known).unwrap_or(Fault::Algorithm)
}

/// Whether a rank failed only because of another one.
pub fn is_of_others(error: &anyhow::Error) -> bool {
    let of_others = |error: &CollectiveError| {
        use CollectiveError::{Aborted, Behind, Lost};
        matches!(error, Aborted { .. } | Lost { .. } | Behind { .. })
    };
    error.chain().any(|cause| match cause.downcast_ref::<TrainError>() {
        Some(TrainError::Collective(error)) => of_others(error),
        _ => cause.downcast_ref::<CollectiveError>().is_some_and(of_others),
    })
}

fn known(cause: &(dyn std::error::Error + 'static)) -> Option<Fault> {
    if let Some(error) = cause.downcast_ref::<TrainError>() {
        return Some(match error {
            // Transparent errors do not appear in the chain by themselves.
            TrainError::Data(error) => of_data(error),
            TrainError::Model(error) => of_model(error),
            TrainError::TooFewSamples { .. }
            | TrainError::TooManyRanks { .. }
            | TrainError::UnevenParts { .. }
            | TrainError::Memory { .. }
            | TrainError::OtherRun { .. }
            | TrainError::NamedCheckpoint { .. } => Fault::Client,
            TrainError::Device { .. }
            | TrainError::Commit(_)
            | TrainError::Folder(_)
            | TrainError::Checkpoint { .. }
            | TrainError::ReadFolder { .. }
            | TrainError::Remove { .. } => Fault::Platform,
            TrainError::Collective(error) => of_collective(error),
        });
    }
    if let Some(ServeError::DefaultAccept { .. }) = cause.downcast_ref() {
        return Some(Fault::Client);
    }
    if let Some(ServeError::Engine(EngineFailure::Thread(_))) = cause.downcast_ref() {
        return Some(Fault::Platform);
    }
    if let Some(PredictError::NotFinite { .. }) = cause.downcast_ref() {
        return Some(Fault::Client);
    }
    if let Some(error) = cause.downcast_ref::<DataError>() {
        return Some(of_data(error));
    }
    if let Some(error) = cause.downcast_ref::<CollectiveError>() {
        return Some(of_collective(error));
    }
    if let Some(error) = cause.downcast_ref::<S3Error>() {
        return Some(if error.is_user_fault() { Fault::Client } else { Fault::Platform });
    }
    if let Some(error) = cause.downcast_ref::<ModelError>() {
        return Some(of_model(error));
    }
    let is_clients = cause.is::<ClientError>()
        || cause.is::<Problems>()
        || cause.is::<ImageError>()
        || cause.is::<ArchiveError>()
        || cause.is::<LocationError>()
        || cause.is::<EnvironmentError>();
    let is_platforms = cause.is::<ConfigurationError>()
        || cause.is::<ResourcesError>()
        || cause.is::<CommitError>()
        || cause.is::<std::io::Error>();
    match (is_clients, is_platforms) {
        (true, _) => Some(Fault::Client),
        (_, true) => Some(Fault::Platform),
        _ => None,
    }
}

fn of_data(error: &DataError) -> Fault {
    match error {
        DataError::Panic { .. } | DataError::Index { .. } => Fault::Algorithm,
        error if error.is_user_fault() => Fault::Client,
        _ => Fault::Platform,
    }
}

/// A rank that ended by an error of its own said whose fault it is; other hyperparameters than the others' are the user's.
fn of_collective(error: &CollectiveError) -> Fault {
    match error {
        CollectiveError::Aborted { reason, .. } => Fault::of_text(reason).unwrap_or(Fault::Platform),
        CollectiveError::Differs { .. } => Fault::Client,
        CollectiveError::Mismatch { .. } | CollectiveError::Length { .. } => Fault::Algorithm,
        _ => Fault::Platform,
    }
}

fn of_model(error: &ModelError) -> Fault {
    match error {
        ModelError::Encode { .. } => Fault::Algorithm,
        _ => Fault::Client,
    }
}
