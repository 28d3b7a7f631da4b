//! The hosts of a job and our place among them, from `resourceconfig.json`.

use std::path::Path;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::configuration::{self, ConfigurationError};
use crate::paths::Paths;

/// The hosts of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resources {
    /// All hosts in byte order, the same on every host; at least one.
    pub hosts: Vec<String>,
    /// Our index in `hosts`.
    pub rank: usize,
    /// The network interface the platform names. It may not exist: SDK v3 local mode says `ethwe`.
    pub network_interface: Option<String>,
    /// Such as `ml.p3.2xlarge`, or `local` in local mode.
    pub instance_type: Option<String>,
}

/// Why the hosts of a job are not known.
#[derive(Debug, Error)]
pub enum ResourcesError {
    /// The file cannot be read, or a key has the wrong type.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// Our own name is not in the list.
    #[error("resourceconfig.json: current_host is '{current}', which is not one of hosts {hosts:?}")]
    NotAHost {
        /// `current_host`.
        current: String,
        /// `hosts`.
        hosts: Vec<String>,
    },
    /// A name is in the list twice, so ranks would not be unique.
    #[error("resourceconfig.json: hosts names '{host}' more than once")]
    Repeated {
        /// The name.
        host: String,
    },
}

impl Resources {
    /// One host called `localhost`.
    pub fn local() -> Self {
        Self { hosts: vec!["localhost".to_string()], rank: 0, network_interface: None, instance_type: None }
    }

    /// Reads `resourceconfig.json`; without the file, as when the image is run by hand, [`Resources::local`].
    pub fn read(paths: &Paths) -> Result<Self, ResourcesError> {
        let file = paths.resource_config();
        configuration::read(&file)?
            .map_or_else(|| Ok(Self::local()), |object| Self::from_object(&object, &file))
    }

    /// Number of hosts.
    pub fn world(&self) -> usize {
        self.hosts.len()
    }

    fn from_object(object: &Map<String, Value>, file: &Path) -> Result<Self, ResourcesError> {
        let text = |key| configuration::text(object, key, file, key);
        let missing = || configuration::wrong(file, "current_host", &Value::Null, "the name of this host");
        let current = text("current_host")?.ok_or_else(missing)?;
        let mut hosts = hosts(object, file)?;
        // The platform promises this order, but a rank must not rest on a promise. `algo-10` precedes `algo-2`.
        hosts.sort();
        if let Some(pair) = hosts.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(ResourcesError::Repeated { host: pair[0].clone() });
        }
        let Some(rank) = hosts.iter().position(|host| host == current) else {
            return Err(ResourcesError::NotAHost { current: current.to_string(), hosts });
        };
        let network_interface = text("network_interface_name")?.map(str::to_string);
        let instance_type = text("current_instance_type")?.map(str::to_string);
        Ok(Self { hosts, rank, network_interface, instance_type })
    }
}

fn hosts(object: &Map<String, Value>, file: &Path) -> Result<Vec<String>, ConfigurationError> {
    let expected = "a list of host names";
    let found = object.get("hosts").unwrap_or(&Value::Null);
    let wrong = || configuration::wrong(file, "hosts", found, expected);
    let list = found.as_array().ok_or_else(wrong)?;
    list.iter().map(|host| host.as_str().map(str::to_string).ok_or_else(wrong)).collect()
}
