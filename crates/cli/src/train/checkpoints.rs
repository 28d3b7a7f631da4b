//! Where the state of a run is kept, and whether it goes on from there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use brazier_checkpoint::folder::Folder;
use brazier_sagemaker::hyperparameters::Hyperparameters;
use brazier_train::checkpoint::Cadence;
use brazier_train::job::Checkpoints;
use clap::{Arg, ArgAction, ArgMatches, value_parser};

use crate::fault::client;

/// The flags of this file.
pub fn flags() -> [Arg; 4] {
    let path = |name: &'static str, value: &'static str| {
        Arg::new(name).long(name).value_name(value).value_parser(value_parser!(PathBuf))
    };
    [
        path("checkpoint", "DIR").help(
            "Keep the state of the run in this folder or s3://bucket/prefix, and go on from what it holds. A container has /opt/ml/checkpoints",
        ),
        path("resume-from", "FILE").help("Go on from this checkpoint, which stays; later ones go to --checkpoint, in a container to its folder, or beside it"),
        Arg::new("fresh")
            .long("fresh")
            .action(ArgAction::SetTrue)
            .conflicts_with("resume-from")
            .help("Begin anew whatever the checkpoint folder holds"),
        Arg::new("grace")
            .long("grace")
            .value_name("SECONDS")
            .value_parser(value_parser!(u64).range(1..))
            .default_value("120")
            .help("How long after SIGTERM (or Ctrl-C) the process may live: SageMaker kills after 120 seconds, Docker Compose after 10. A step that takes longer is given up"),
    ]
}

/// What the command line asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    folder: Option<PathBuf>,
    from: Option<PathBuf>,
    fresh: bool,
    /// From SIGTERM to the end.
    pub grace: Duration,
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
        let grace = Duration::from_secs(arguments.get_one::<u64>("grace").copied().unwrap_or(120));
        Ok(Asked { folder: path("checkpoint"), from, fresh: arguments.get_flag("fresh"), grace })
    }

    /// The folder of the command line, as it was written.
    pub fn named_folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Whether a run may be gone on with, so that what it left may be there already.
    pub fn is_named(&self) -> bool {
        self.folder.is_some() && !self.fresh
    }

    /// Whether the run begins anew whatever is there.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// The same in another folder.
    pub fn in_folder(self, folder: PathBuf) -> Self {
        Asked { folder: Some(folder), ..self }
    }

    /// Where checkpoints go; `usual` is the container's folder, if it has one.
    pub fn folder(&self, usual: Option<PathBuf>) -> Option<PathBuf> {
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
    ///
    /// # Errors
    /// The folder of the `model`, whose files are another's to take away.
    pub fn checkpoints(
        self,
        usual: Option<PathBuf>,
        model: &Path,
        read: &Hyperparameters,
    ) -> anyhow::Result<Option<Checkpoints>> {
        let cadence = Cadence {
            shortest: Duration::from_secs(read.checkpoint_min_seconds),
            longest: Duration::from_secs(read.checkpoint_max_seconds),
        };
        let Some(folder) = self.folder(usual) else { return Ok(None) };
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if real(&folder) == real(model) {
            return Err(client(format!(
                "{} is the folder of the model: expected another one for checkpoints, which are no part of it",
                folder.display()
            )));
        }
        Ok(Some(Checkpoints { folder, cadence, from: self.from, fresh: self.fresh }))
    }
}
