//! What went wrong with S3, in words that hold nothing secret.

use std::error::Error;
use std::fmt;
use std::io;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use thiserror::Error;

use super::Place;

/// Why something could not be read from S3 or written there.
#[derive(Debug, Error)]
pub enum S3Error {
    /// S3 answered that it will not.
    #[error("{place}: {code}: {message}")]
    Refused {
        /// What was asked for.
        place: String,
        /// S3's code, such as `NoSuchBucket`.
        code: String,
        /// S3's words, or ours.
        message: String,
    },
    /// S3 cannot be reached, or broke off.
    #[error("{place}: S3 cannot be reached: {reason}")]
    Unreachable {
        /// What was asked for.
        place: String,
        /// The causes, one after the other.
        reason: String,
    },
    /// The standard chain knows no credentials.
    #[error(
        "{place}: no AWS credentials: expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role of this machine"
    )]
    NoCredentials {
        /// What was asked for.
        place: String,
    },
    /// A prefix without objects.
    #[error("{place}: there is nothing, expected objects under this prefix")]
    NothingThere {
        /// The prefix.
        place: String,
    },
    /// A prefix that must be new.
    #[error("{place}: there is something already ({name}), expected a new prefix")]
    NotEmpty {
        /// The prefix.
        place: String,
        /// The first key.
        name: String,
    },
    /// A key that is no path below a folder.
    #[error("s3://{bucket}/{key}: the key leads out of the folder, expected one without '..'")]
    Escapes {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// An object that has become another one meanwhile, or was cut short.
    #[error("{place}: got {found} bytes, expected {expected}")]
    Short {
        /// The object.
        place: String,
        /// Bytes that came.
        found: u64,
        /// Bytes that were announced.
        expected: u64,
    },
    /// A file or folder here.
    #[error("{what}: {source}")]
    Local {
        /// The file.
        what: String,
        /// The system's words.
        source: io::Error,
    },
}

impl S3Error {
    /// Whether the user can put it right.
    pub fn is_user_fault(&self) -> bool {
        !matches!(self, Self::Unreachable { .. } | Self::Short { .. } | Self::Local { .. })
    }

    pub(super) fn local(what: &(impl fmt::Display + ?Sized), source: io::Error) -> Self {
        Self::Local { what: what.to_string(), source }
    }

    /// An answer that is an error, or none.
    pub(super) fn answer<E, R>(place: &Place, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        let place = place.to_string();
        let Some(answer) = error.as_service_error() else {
            let reason = causes(error);
            return match reason.contains("credential") {
                true => Self::NoCredentials { place },
                false => Self::Unreachable { place, reason },
            };
        };
        let code = answer.code().unwrap_or("error").to_owned();
        let message = match code.as_str() {
            // S3 says only where the bucket is not.
            "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
                "the bucket is in another region, expected its own in AWS_REGION"
            }
            "NotFound" | "NoSuchKey" => "there is no such object",
            _ => answer.message().unwrap_or("S3 says no more"),
        };
        Self::Refused { place, code, message: message.to_owned() }
    }
}

/// The texts of an error and its causes.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut texts = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        texts.push(cause.to_string());
        next = cause.source();
    }
    texts.dedup();
    texts.join(": ")
}
