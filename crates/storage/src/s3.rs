//! Objects in S3, and in stores that speak its protocol.
//!
//! - [`connect`](self::connect): the client, credentials and region from the standard chain
//! - [`list`](self::list): the objects under a prefix
//! - [`download`](self::download): a prefix into a folder, in parallel ranges
//! - [`upload`](self::upload): a file or a folder, large files in parts
//! - [`mirror`](self::mirror): a folder of checkpoints kept equal to a prefix while training runs
//! - [`error`](self::error): what went wrong, without anything secret
//! - [`progress`](self::progress): lines that tell how far it is
//!
//! Everything blocks its caller; a runtime of its own moves the bytes. Nothing of the AWS SDK is in the interface.

mod connect;
mod download;
mod error;
mod list;
mod mirror;
mod progress;
mod upload;

use std::future::Future;
use std::path::Path;

use aws_sdk_s3::Client;
use tokio::runtime::Runtime;

pub use error::S3Error;
pub use list::Object;
pub use mirror::Mirror;
pub use progress::Progress;

use crate::Location;

/// A connection to S3, for blocking callers.
pub struct Store {
    client: Client,
    runtime: Runtime,
}

/// A bucket and a key or prefix in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Bucket name.
    pub bucket: String,
    /// Key or prefix; a prefix ends with a slash, or is empty for the whole bucket.
    pub key: String,
}

impl Place {
    /// The prefix that `location` names, which is none of this machine's; `s3://bucket/a` means all below `a/`.
    pub fn prefix(location: &Location) -> Option<Self> {
        let mut place = Self::object(location)?;
        if !place.key.is_empty() && !place.key.ends_with('/') {
            place.key.push('/');
        }
        Some(place)
    }

    /// The object that `location` names.
    pub fn object(location: &Location) -> Option<Self> {
        match location {
            Location::S3 { bucket, key } => Some(Self { bucket: bucket.clone(), key: key.clone() }),
            Location::Local(_) => None,
        }
    }

    /// The object called `name` under this prefix.
    fn below(&self, name: &str) -> Self {
        Self { bucket: self.bucket.clone(), key: format!("{}{name}", self.key) }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

impl Store {
    /// A store whose region, endpoint and credentials the standard chain tells: variables, profiles, web identity, a
    /// container's role, an instance's role. No request is made.
    ///
    /// # Errors
    /// A runtime that the system refuses.
    pub fn connect() -> Result<Self, S3Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("s3")
            .enable_all()
            .build()
            .map_err(|source| S3Error::local("the threads for S3", source))?;
        let client = runtime.block_on(connect::client());
        Ok(Self { client, runtime })
    }

    /// The objects under a prefix, in the order of their keys.
    ///
    /// # Errors
    /// What S3 answers.
    pub fn list(&self, prefix: &Place) -> Result<Vec<Object>, S3Error> {
        self.wait(list::all(&self.client, prefix))
    }

    /// Brings all objects under a prefix into `folder`, and gives their number.
    ///
    /// # Errors
    /// A prefix without objects, a key that leads out of the folder, what S3 answers, a full disk.
    pub fn download(&self, prefix: &Place, folder: &Path, progress: &mut Progress) -> Result<usize, S3Error> {
        let objects = self.list(prefix)?;
        if objects.is_empty() {
            return Err(S3Error::NothingThere { place: prefix.to_string() });
        }
        self.wait(download::all(&self.client, prefix, &objects, folder, progress))?;
        Ok(objects.len())
    }

    /// Brings one object into a file.
    ///
    /// # Errors
    /// What S3 answers, a full disk.
    pub fn download_file(&self, place: &Place, file: &Path, progress: &mut Progress) -> Result<(), S3Error> {
        let size = self.wait(list::size(&self.client, place))?;
        let object = Object { key: place.key.clone(), name: String::new(), size };
        self.wait(download::one(&self.client, place, &object, file, progress))
    }

    /// Puts all files below `folder` under a prefix, and gives their number.
    ///
    /// # Errors
    /// What S3 answers, a file that cannot be read.
    pub fn upload(&self, folder: &Path, prefix: &Place, progress: &mut Progress) -> Result<usize, S3Error> {
        self.wait(upload::folder(&self.client, folder, prefix, progress))
    }

    /// Puts a file at a place.
    ///
    /// # Errors
    /// What S3 answers, a file that cannot be read.
    pub fn upload_file(&self, file: &Path, place: &Place, progress: &mut Progress) -> Result<(), S3Error> {
        self.wait(upload::file(&self.client, file, place, progress))
    }

    fn remove(&self, place: &Place) -> Result<(), S3Error> {
        let request = self.client.delete_object().bucket(&place.bucket).key(&place.key);
        self.wait(async { request.send().await.map(drop).map_err(|error| S3Error::answer(place, &error)) })
    }

    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}
