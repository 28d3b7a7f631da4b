//! A folder of checkpoints and a prefix, kept equal while training runs, as the platform does it for its jobs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use super::{Place, Progress, S3Error, Store};

/// Between two looks at the folder.
const PAUSE: Duration = Duration::from_secs(1);

/// Size and time of a file: another one means another content.
type Seen = BTreeMap<String, (u64, SystemTime)>;

/// Takes a folder's new files to a prefix, and removes there what was removed here, until it is told to end.
pub struct Mirror {
    thread: JoinHandle<Result<(), S3Error>>,
    over: Arc<AtomicBool>,
}

impl Mirror {
    /// Begins. What is in the folder now counts as being under the prefix. A failed transfer is told by `tell` and made
    /// again at the next look; the last one of all must succeed.
    ///
    /// # Errors
    /// A thread that the system refuses.
    pub fn start(
        store: Arc<Store>,
        folder: PathBuf,
        prefix: Place,
        tell: impl Fn(&str) + Send + 'static,
    ) -> Result<Self, S3Error> {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let mut seen = look(&folder);
        let work = move || {
            loop {
                // Looked at before the folder is: what was written before the end is taken along.
                let last = is_over.load(Ordering::Relaxed);
                match equalise(&store, &folder, &prefix, &mut seen) {
                    Ok(()) if last => return Ok(()),
                    Err(error) if last => return Err(error),
                    Err(error) => tell(&format!("warning: {error}; tried again soon")),
                    Ok(()) => (),
                }
                let mut waited = Duration::ZERO;
                while waited < PAUSE && !is_over.load(Ordering::Relaxed) {
                    thread::sleep(PAUSE / 10);
                    waited += PAUSE / 10;
                }
            }
        };
        let builder = thread::Builder::new().name("mirror".to_owned());
        let thread = builder.spawn(work).map_err(|source| S3Error::local("a thread for S3", source))?;
        Ok(Self { thread, over })
    }

    /// Takes along what is left, and ends.
    ///
    /// # Errors
    /// A transfer that fails.
    pub fn end(self) -> Result<(), S3Error> {
        self.over.store(true, Ordering::Relaxed);
        let panicked = |_| S3Error::local("the thread for S3", std::io::Error::other("it panicked"));
        self.thread.join().map_err(panicked)?
    }
}

/// The whole files of a folder. Those in the making have other names, and a folder that is not there has none.
fn look(folder: &Path) -> Seen {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let about = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        let is_whole = !name.ends_with(".sagemaker-ignore");
        is_whole.then(|| Some((name, (about.len(), about.modified().ok()?))))?
    });
    files.collect()
}

fn equalise(store: &Store, folder: &Path, prefix: &Place, seen: &mut Seen) -> Result<(), S3Error> {
    let now = look(folder);
    // A checkpoint is written after the weights that it names, and must not be there without them.
    let mut by_age: Vec<_> = now.iter().collect();
    by_age.sort_by_key(|(_, (_, modified))| *modified);
    for (name, about) in by_age {
        if seen.get(name) != Some(about) {
            match store.upload_file(&folder.join(name), &prefix.below(name), &mut Progress::silent()) {
                // It has been replaced by a newer one meanwhile.
                Err(S3Error::Local { .. }) => continue,
                other => other?,
            }
            seen.insert(name.clone(), *about);
        }
    }
    // A newer one is there before an older one goes.
    let gone: Vec<String> = seen.keys().filter(|name| !now.contains_key(*name)).cloned().collect();
    for name in gone {
        store.remove(&prefix.below(&name))?;
        seen.remove(&name);
    }
    Ok(())
}
