//! MNIST's own files: images and labels as plain arrays (the IDX format described with the MNIST database).
//!
//! All numbers are big-endian. Images: magic 0x00000803, count, rows, columns, then a byte per pixel. Labels:
//! magic 0x00000801, count, then a byte per label. Either may be packed with gzip, as they are published.

use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{DataError, Origin, Sample, Source};

/// The first bytes of a file packed with gzip.
pub(crate) const GZIP: [u8; 2] = [0x1f, 0x8b];

const IMAGES: [u8; 4] = [0, 0, 8, 3];
const LABELS: [u8; 4] = [0, 0, 8, 1];

/// The most bytes that a packed file may unpack to: MNIST's own have 47 MB, its largest relatives 600 MB.
const MOST_BYTES: u64 = 4 << 30;

/// Whether a file that begins with `first` holds images or labels.
pub(crate) fn is_idx(first: &[u8]) -> bool {
    first.starts_with(&IMAGES) || first.starts_with(&LABELS)
}

/// Grey images of one size with one label each.
#[derive(Debug)]
pub struct IdxSource {
    name: Arc<str>,
    rows: u32,
    columns: u32,
    pixels: Vec<u8>,
    labels: Vec<f32>,
}

/// A file of images and the file of their labels.
struct Pair {
    images: PathBuf,
    labels: PathBuf,
    /// `train` or `t10k`, in lower case.
    set: String,
}

impl IdxSource {
    /// The set in `files` that belongs to `channel`, and the two files it is read from. Of several sets `train` belongs
    /// to the training channel, any other to validation.
    ///
    /// # Errors
    /// Files without their other half, several sets that may be meant, and files that are shorter or longer than
    /// they say.
    pub fn open(files: &[PathBuf], channel: &str) -> Result<(Self, Vec<PathBuf>), DataError> {
        let pairs = pairs(files)?;
        let is_train = channel == "train";
        let pair = match pairs.as_slice() {
            [one] => one,
            several => {
                let mut fitting = several.iter().filter(|pair| pair.set.starts_with("train") == is_train);
                match (fitting.next(), fitting.next()) {
                    (Some(one), None) => one,
                    _ => {
                        let sets: Vec<&str> = several.iter().map(|pair| pair.set.as_str()).collect();
                        let found = format!("the sets are {}", sets.join(", "));
                        return Err(wrong(&several[0].images, found, "one set of images for the channel"));
                    }
                }
            }
        };
        Ok((Self::of(pair)?, vec![pair.images.clone(), pair.labels.clone()]))
    }

    /// How many sets of images and labels there are in `files`.
    pub(crate) fn sets(files: &[PathBuf]) -> Result<usize, DataError> {
        if files.is_empty() { Ok(0) } else { pairs(files).map(|pairs| pairs.len()) }
    }

    fn of(pair: &Pair) -> Result<Self, DataError> {
        let (header, pixels) = unpacked(&pair.images, 16)?;
        let number = |at: usize| {
            header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes)
        };
        let (count, rows, columns) = (number(4), number(8), number(12));
        let expected = u128::from(count) * u128::from(rows) * u128::from(columns);
        if rows == 0 || columns == 0 || pixels.len() as u128 != expected {
            let found = format!("{} bytes of pixels", pixels.len());
            return Err(wrong(
                &pair.images,
                found,
                &format!("{count} images of {rows} x {columns}, {expected} bytes"),
            ));
        }
        let (header, labels) = unpacked(&pair.labels, 8)?;
        let said = header.get(4..8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes);
        if said != count || labels.len() as u64 != u64::from(count) {
            let found = format!("{} labels ({said} by its header)", labels.len());
            return Err(wrong(&pair.labels, found, &format!("{count}, one for each image")));
        }
        let name = pair.images.file_name().unwrap_or(pair.images.as_os_str()).to_string_lossy().into();
        Ok(Self { name, rows, columns, pixels, labels: labels.into_iter().map(f32::from).collect() })
    }

    fn image_bytes(&self) -> usize {
        self.rows as usize * self.columns as usize
    }
}

/// Matches files of images with the files of their labels by name: `train-images-idx3-ubyte` and
/// `train-labels-idx1-ubyte`, whatever follows.
fn pairs(files: &[PathBuf]) -> Result<Vec<Pair>, DataError> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let set = |path: &Path, part: &str| {
        name(path).split_once(part).map(|(before, _)| before.trim_end_matches(['-', '_', '.']).to_owned())
    };
    let mut pairs = Vec::new();
    for images in files {
        let Some(set_name) = set(images, "images") else { continue };
        let labels = files.iter().find(|path| set(path, "labels").as_ref() == Some(&set_name));
        let labels = labels.ok_or_else(|| {
            wrong(
                images,
                "no file of labels beside it".into(),
                "one called like it, with 'labels' for 'images'",
            )
        })?;
        pairs.push(Pair { images: images.clone(), labels: labels.clone(), set: set_name });
    }
    match (pairs.is_empty(), files.first()) {
        (true, Some(first)) => {
            Err(wrong(first, "no images in an IDX file".into(), "a file whose name holds 'images'"))
        }
        _ => Ok(pairs),
    }
}

/// The header of `header` bytes and what follows it.
fn unpacked(path: &Path, header: usize) -> Result<(Vec<u8>, Vec<u8>), DataError> {
    let mut bytes =
        super::read_file(path).map_err(|source| DataError::Io { path: path.to_owned(), source })?;
    if bytes.starts_with(&GZIP) {
        let mut content = Vec::new();
        let decoder = flate2::read::MultiGzDecoder::new(&*bytes);
        let read = decoder.take(MOST_BYTES).read_to_end(&mut content);
        read.map_err(|error| {
            wrong(path, format!("gzip data that does not unpack: {error}"), "a whole file")
        })?;
        bytes = content;
    }
    let magic = if header == 16 { IMAGES } else { LABELS };
    if bytes.len() < header || !bytes.starts_with(&magic) {
        let found =
            format!("{:02x?} as the first bytes of {}", bytes.get(..4).unwrap_or(&bytes), bytes.len());
        return Err(wrong(path, found, &format!("{magic:02x?} and a header of {header} bytes")));
    }
    let content = bytes.split_off(header);
    Ok((bytes, content))
}

fn wrong(path: &Path, found: String, expected: &str) -> DataError {
    DataError::Idx { path: path.to_owned(), found, expected: expected.to_owned() }
}

impl Source for IdxSource {
    fn len(&self) -> usize {
        self.labels.len()
    }

    /// The image as a binary graymap (Netpbm's `P5`): a header of one line before the pixels as they are.
    fn read(&self, index: usize) -> Result<Sample<'_>, DataError> {
        let labels = self.labels(index)?;
        let start = index * self.image_bytes();
        let pixels = self.pixels.get(start..start + self.image_bytes()).unwrap_or_default();
        let mut encoded = format!("P5 {} {} 255\n", self.columns, self.rows).into_bytes();
        encoded.extend_from_slice(pixels);
        Ok(Sample { labels, encoded: encoded.into() })
    }

    fn labels(&self, index: usize) -> Result<Cow<'_, [f32]>, DataError> {
        super::at(&self.labels, index).map(|label| std::slice::from_ref(label).into())
    }

    fn origin(&self, index: usize) -> Result<Origin, DataError> {
        super::at(&self.labels, index)?;
        Ok(Origin::Numbered { file: self.name.clone(), image: index })
    }
}
