//! A folder of images to lists.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use brazier_mxnet::lst::{self, Entry};

use super::Im2recError;
use super::mersenne::Mersenne;
use super::walk::walk;

/// The original seeds its shuffle with this.
const SEED: u32 = 100;

/// How lists are made. The default is the original's.
#[derive(Debug, Clone, PartialEq)]
pub struct ListOptions {
    /// Walk subfolders, one class for each folder with images; otherwise only the root's own images, all of class 0.
    pub recursive: bool,
    /// Accepted file name endings, in any case, with or without a dot. Default `.jpeg`, `.jpg`, `.png`.
    pub extensions: Vec<String>,
    /// Shuffle before splitting, always the same way. On by default.
    pub shuffle: bool,
    /// Share of the images that goes to the `_train` list. Exactly 1, the default, makes one list of all images.
    pub train_ratio: f64,
    /// Share of the images that goes to the `_test` list; what remains of both goes to `_val`. Default 0.
    pub test_ratio: f64,
    /// Number of equal pieces, each with lists of its own. Default 1.
    pub chunks: usize,
}

impl Default for ListOptions {
    fn default() -> Self {
        let extensions = [".jpeg", ".jpg", ".png"].map(String::from).to_vec();
        Self { recursive: false, extensions, shuffle: true, train_ratio: 1.0, test_ratio: 0.0, chunks: 1 }
    }
}

/// The lists that were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Images in all lists.
    pub images: usize,
    /// The folders of the classes in the order of their numbers, relative to the root, which is `.`; empty without
    /// `recursive`. The original prints them with their numbers.
    pub classes: Vec<String>,
    /// The lists, in the order they were written.
    pub files: Vec<ListFile>,
}

/// One list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFile {
    /// Where it is.
    pub path: PathBuf,
    /// Images in it.
    pub images: usize,
}

/// Finds the images of `root` and writes `prefix.lst`, or with chunks and ratios `prefix_0_train.lst` and so on.
/// An image's index is its number in the order of the walk, whatever list it is in.
///
/// # Errors
/// Ratios or chunks without sense, folders that cannot be read, names that a list cannot hold, lists that cannot be
/// written.
pub fn list(prefix: &Path, root: &Path, options: &ListOptions) -> Result<Listing, Im2recError> {
    check(options)?;
    let found = walk(root, options.recursive, &options.extensions)?;
    let entry = |(index, (path, class)): (usize, (String, usize))| {
        // No truncation: a file system holds fewer images than an i64 counts, and an f32 counts 16 million folders.
        Entry { index: index as i64, labels: vec![class as f32], path }
    };
    let mut entries: Vec<Entry> = found.images.into_iter().enumerate().map(entry).collect();
    if options.shuffle {
        Mersenne::new(SEED).shuffle(&mut entries);
    }
    let mut listing = Listing { images: entries.len(), classes: found.classes, files: Vec::new() };
    let size = entries.len().div_ceil(options.chunks);
    for chunk in 0..options.chunks {
        let at = |chunk: usize| chunk.saturating_mul(size).min(entries.len());
        let suffix = if options.chunks > 1 { format!("_{chunk}") } else { String::new() };
        for (name, entries) in split(&entries[at(chunk)..at(chunk + 1)], size, options) {
            let mut path = prefix.as_os_str().to_owned();
            path.push(format!("{suffix}{name}.lst"));
            write(path.as_ref(), entries)?;
            listing.files.push(ListFile { path: path.into(), images: entries.len() });
        }
    }
    Ok(listing)
}

/// The lists of a prefix in name order: every `.lst` file beside it whose path begins with it, or all in it if it
/// is a folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn lists(prefix: &Path) -> Result<Vec<PathBuf>, Im2recError> {
    let beside = prefix.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (folder, begins) = if prefix.is_dir() { (prefix, None) } else { (beside, prefix.file_name()) };
    let begins = begins.unwrap_or_default().as_encoded_bytes();
    let mut lists = Vec::new();
    for entry in fs::read_dir(folder).map_err(Im2recError::read(folder))? {
        let path = entry.map_err(Im2recError::read(folder))?.path();
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if name.starts_with(begins) && name.ends_with(b".lst") && path.is_file() {
            lists.push(path);
        }
    }
    lists.sort_unstable();
    Ok(lists)
}

fn check(options: &ListOptions) -> Result<(), Im2recError> {
    let ratios = [("train-ratio", options.train_ratio), ("test-ratio", options.test_ratio)];
    if let Some((option, ratio)) = ratios.into_iter().find(|(_, ratio)| !(0.0..=1.0).contains(ratio)) {
        return Err(Im2recError::Option { option, found: ratio.to_string(), expected: "0 to 1" });
    }
    if options.chunks == 0 {
        return Err(Im2recError::Option { option: "chunks", found: "0".into(), expected: "1 or more" });
    }
    Ok(())
}

/// What each list of a chunk holds. The counts are shares of a full chunk, truncated, also for a last one that
/// is not full.
fn split<'a>(chunk: &'a [Entry], size: usize, options: &ListOptions) -> Vec<(&'static str, &'a [Entry])> {
    let ListOptions { train_ratio, test_ratio, .. } = *options;
    if train_ratio == 1.0 {
        return vec![("", chunk)];
    }
    let share = |ratio: f64| (size as f64 * ratio) as usize;
    let (test, rest) = chunk.split_at(share(test_ratio).min(chunk.len()));
    let (train, val) = rest.split_at(share(train_ratio).min(rest.len()));
    let mut lists = Vec::new();
    if test_ratio > 0.0 {
        lists.push(("_test", test));
    }
    if train_ratio + test_ratio < 1.0 {
        lists.push(("_val", val));
    }
    lists.push(("_train", train));
    lists
}

fn write(path: &Path, entries: &[Entry]) -> Result<(), Im2recError> {
    let mut out = BufWriter::new(File::create(path).map_err(Im2recError::write(path))?);
    lst::write(entries, &mut out).map_err(|source| Im2recError::List { path: path.to_owned(), source })?;
    out.flush().map_err(Im2recError::write(path))
}
