//! Samples in one directory per class.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::channel::directory::{Kind, visible_entries};
use crate::channel::passed_over::PassedOver;
use crate::{DataError, Origin, Sample, Source};

/// What an image file may be called, in lower case. The content decides how it is decoded.
pub(crate) const IMAGE_EXTENSIONS: [&str; 15] = [
    "png", "jpg", "jpeg", "jpe", "jfif", "gif", "webp", "bmp", "tif", "tiff", "pbm", "pgm", "ppm", "pnm",
    "qoi",
];

/// The image files below the class folders of a directory, by class and then by path, both in byte order.
#[derive(Debug)]
pub struct FolderSource {
    directory: PathBuf,
    images: Vec<Image>,
    folders: Vec<String>,
    passed_over: PassedOver,
}

#[derive(Debug)]
struct Image {
    /// Relative to the directory.
    path: Arc<str>,
    label: [f32; 1],
}

impl FolderSource {
    /// Finds the class folders of `directory`: those that hold an image, at whatever depth. The first by byte order is
    /// class 0. Files beside the folders, hidden files, empty files and files not named like an image are passed over.
    pub fn open(directory: &Path) -> Result<Self, DataError> {
        let mut source = Self {
            directory: directory.to_owned(),
            images: Vec::new(),
            folders: Vec::new(),
            passed_over: PassedOver::default(),
        };
        for entry in visible_entries(directory)? {
            if entry.kind != Kind::Directory {
                source.passed_over.add(&entry);
                continue;
            }
            let mut paths = Vec::new();
            find_images(directory, &entry.name, &mut paths, &mut source.passed_over)?;
            if paths.is_empty() {
                continue;
            }
            // Exact below 2^24, far more classes than there can be.
            let label = [source.folders.len() as f32];
            source.images.extend(paths.into_iter().map(|path| Image { path: path.into(), label }));
            source.folders.push(entry.name);
        }
        Ok(source)
    }

    /// The names of the class folders, in the order of their labels.
    pub fn folders(&self) -> &[String] {
        &self.folders
    }

    /// The visible files that are none of the images.
    pub(crate) fn passed_over(&self) -> &PassedOver {
        &self.passed_over
    }

    /// Gives each folder the label it has in `classes`; the folder that is none of them is the error.
    pub fn renumber(&mut self, classes: &[String]) -> Result<(), String> {
        let mut labels = Vec::with_capacity(self.folders.len());
        for folder in &self.folders {
            labels
                .push(classes.iter().position(|class| class == folder).ok_or_else(|| folder.clone())? as f32);
        }
        for image in &mut self.images {
            if let Some(label) = labels.get(image.label[0] as usize) {
                image.label = [*label];
            }
        }
        self.folders = classes.to_vec();
        Ok(())
    }
}

/// Appends the paths, relative to `root`, of the images below `root/folder`, and counts the other files. Links to directories are not followed:
/// they may lead in circles.
fn find_images(
    root: &Path,
    folder: &str,
    paths: &mut Vec<String>,
    passed_over: &mut PassedOver,
) -> Result<(), DataError> {
    for entry in visible_entries(&root.join(folder))? {
        let path = format!("{folder}/{}", entry.name);
        match entry.kind {
            Kind::Directory if !entry.link => find_images(root, &path, paths, passed_over)?,
            Kind::File { bytes } if bytes > 0 && IMAGE_EXTENSIONS.contains(&entry.extension().as_str()) => {
                paths.push(path);
            }
            _ => passed_over.add(&entry),
        }
    }
    Ok(())
}

impl Source for FolderSource {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn read(&self, index: usize) -> Result<Sample<'_>, DataError> {
        let image = super::at(&self.images, index)?;
        let path = self.directory.join(&*image.path);
        let encoded = super::read_file(&path).map_err(|source| DataError::Io { path, source })?;
        Ok(Sample { labels: image.label.as_slice().into(), encoded: encoded.into() })
    }

    fn labels(&self, index: usize) -> Result<Cow<'_, [f32]>, DataError> {
        Ok(super::at(&self.images, index)?.label.as_slice().into())
    }

    fn origin(&self, index: usize) -> Result<Origin, DataError> {
        Ok(Origin::File { path: super::at(&self.images, index)?.path.clone() })
    }
}
