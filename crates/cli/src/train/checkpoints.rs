//! Where the state of a run is kept, and whether it goes on from there.

use std::path::PathBuf;
use std::time::Duration;

use brazier_checkpoint::folder::Folder;
use brazier_sagemaker::hyperparameters::Hyperparameters;
use brazier_train::checkpoint::Cadence;
use brazier_train::job::Checkpoints;
use clap::{Arg, ArgAction, ArgMatches, value_parser};

use crate::fault::client;

/// The flags of this file.
pub fn flags() -> [Arg; 3] {
    let path = |name: &'static str, value: &'static str| {
        Arg::new(name).long(name).value_name(value).value_parser(value_parser!(PathBuf))
    };
    [
        path("checkpoint", "DIR").help(
            "Keep the state of the run in this folder, and go on from what it holds. A container has /opt/ml/checkpoints",
        ),
        path("resume-from", "FILE").help("Go on from this checkpoint, which stays; later ones go to --checkpoint, in a container to its folder, or beside it"),
        Arg::new("fresh")
            .long("fresh")
            .action(ArgAction::SetTrue)
            .conflicts_with("resume-from")
            .help("Begin anew whatever the checkpoint folder holds"),
    ]
}

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    folder: Option<PathBuf>,
    from: Option<PathBuf>,
    fresh: bool,
}

impl Asked {
    /// Reads the flags.
    ///
    /// # Errors
    /// A checkpoint to go on from that is no file.
    pub fn of(arguments: &ArgMatches) -> anyhow::Result<Self> {
        let path = |name: &str| arguments.get_one::<PathBuf>(name).cloned();
        let from = path("resume-from");
        if let Some(from) = from.as_ref().filter(|from| !from.is_file()) {
            return Err(client(format!(
                "--resume-from: {} is no file, expected a checkpoint",
                from.display()
            )));
        }
        Ok(Asked { folder: path("checkpoint"), from, fresh: arguments.get_flag("fresh") })
    }

    /// Where checkpoints go; `usual` is the container's folder, if it has one.
    fn folder(&self, usual: Option<PathBuf>) -> Option<PathBuf> {
        let beside = || {
            let parent = self.from.as_deref()?.parent()?;
            Some(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_path_buf() })
        };
        self.folder.clone().or(usual).or_else(beside)
    }

    /// Whether the folder that was named holds a run to go on from.
    pub fn goes_on(&self) -> bool {
        let holds = |folder: &PathBuf| Folder::holds_checkpoints(folder);
        !self.fresh && self.from.is_none() && self.folder.as_ref().is_some_and(holds)
    }

    /// What the job is told.
    pub fn checkpoints(self, usual: Option<PathBuf>, read: &Hyperparameters) -> Option<Checkpoints> {
        let cadence = Cadence {
            shortest: Duration::from_secs(read.checkpoint_min_seconds),
            longest: Duration::from_secs(read.checkpoint_max_seconds),
        };
        let folder = self.folder(usual)?;
        Some(Checkpoints { folder, cadence, from: self.from, fresh: self.fresh })
    }
}
