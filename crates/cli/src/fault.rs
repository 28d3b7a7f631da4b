//! Whose fault an error is.

use brazier_checkpoint::archive::ArchiveError;
use brazier_data::DataError;
use brazier_image::ImageError;
use brazier_model::ModelError;
use brazier_sagemaker::configuration::ConfigurationError;
use brazier_sagemaker::environment::EnvironmentError;
use brazier_sagemaker::failure::Fault;
use brazier_sagemaker::hyperparameters::Problems;
use brazier_sagemaker::resources::ResourcesError;
use brazier_serve::PredictError;
use brazier_storage::LocationError;
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
    format!("{error:#}")
}

/// The class of an error: the first cause that is of a known type decides, and a defect of ours is what remains.
pub fn of(error: &anyhow::Error) -> Fault {
    error.chain().find_map(known).unwrap_or(Fault::Algorithm)
}

fn known(cause: &(dyn std::error::Error + 'static)) -> Option<Fault> {
    let user = |is_users: bool| if is_users { Fault::Client } else { Fault::Platform };
    if cause.is::<ClientError>()
        || cause.is::<Problems>()
        || cause.is::<ModelError>()
        || cause.is::<ImageError>()
        || cause.is::<LocationError>()
        || cause.is::<EnvironmentError>()
        || cause.is::<ArchiveError>()
    {
        return Some(Fault::Client);
    }
    if let Some(error) = cause.downcast_ref::<DataError>() {
        return Some(match error {
            DataError::Panic { .. } => Fault::Algorithm,
            error => user(error.is_user_fault()),
        });
    }
    if let Some(error) = cause.downcast_ref::<TrainError>() {
        return Some(match error {
            // Transparent: they are their own cause and do not appear in the chain by themselves.
            TrainError::Data(error) => user(error.is_user_fault()),
            TrainError::Model(_) | TrainError::TooFewSamples { .. } => Fault::Client,
            TrainError::Commit(_) | TrainError::Remove { .. } | TrainError::Collective(_) => Fault::Platform,
        });
    }
    if let Some(PredictError::NotFinite { .. }) = cause.downcast_ref::<PredictError>() {
        return Some(Fault::Client);
    }
    if cause.is::<ConfigurationError>() || cause.is::<ResourcesError>() || cause.is::<std::io::Error>() {
        return Some(Fault::Platform);
    }
    None
}
