//! Every sample read, hashed and decoded.

use std::hash::{DefaultHasher, Hash, Hasher};

use brazier_image::{Format, Limits, Pixels, decode};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::fault::Fault;
use crate::worker::work::guarded;
use crate::{DataError, Dataset};

/// What the samples of a channel are, in its order.
pub(super) type Scanned = Vec<Examined>;

/// What is kept of one sample.
#[derive(Debug)]
pub(super) struct Examined {
    /// `None` if they cannot be read.
    pub(super) labels: Option<Box<[f32]>>,
    pub(super) picture: Result<Picture, Box<Fault>>,
}

/// What is kept of an image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Picture {
    /// Of the encoded bytes.
    pub(super) sha256: [u8; 32],
    /// Of size and pixels: equal for the same picture stored in different ways. Two of a million different pictures
    /// agree by chance once in 10^7 data sets.
    pub(super) pixels: u64,
    pub(super) format: Format,
    /// As the network would see it: Exif orientation applied.
    pub(super) width: u32,
    pub(super) height: u32,
    /// Whether red, green and blue are equal in every pixel.
    pub(super) grey: bool,
}

/// Examines all samples on the cores of the machine; `examined` is called after each.
pub(super) fn scan(dataset: &Dataset, limits: &Limits, examined: &(dyn Fn() + Sync)) -> Scanned {
    let indices = 0..dataset.source.len();
    let examine = |index| {
        let sample = examine(dataset, index, limits);
        examined();
        sample
    };
    indices.into_par_iter().map(examine).collect()
}

fn examine(dataset: &Dataset, index: usize, limits: &Limits) -> Examined {
    let labels = dataset.source.labels(index).ok().map(|labels| labels.into_owned().into_boxed_slice());
    let picture = guarded(dataset, index, || picture(dataset, index, limits));
    let picture = picture.map_err(|error| {
        Box::new(match dataset.source.origin(index) {
            Ok(origin) => Fault::at(&origin, &error),
            Err(_) => Fault::new(format!("sample {index}"), &error),
        })
    });
    Examined { labels, picture }
}

fn picture(dataset: &Dataset, index: usize, limits: &Limits) -> Result<Picture, DataError> {
    let sample = dataset.source.read(index)?;
    let decoded =
        Format::sniff(&sample.encoded).and_then(|format| Ok((format, decode(&sample.encoded, 3, limits)?)));
    let (format, pixels) = match decoded {
        Ok(decoded) => decoded,
        Err(source) => return Err(DataError::Image { origin: dataset.source.origin(index)?, source }),
    };
    Ok(Picture {
        sha256: Sha256::digest(&sample.encoded).into(),
        pixels: fingerprint(&pixels),
        format,
        width: pixels.width(),
        height: pixels.height(),
        grey: pixels.data().as_chunks::<3>().0.iter().all(|[red, green, blue]| red == green && green == blue),
    })
}

fn fingerprint(pixels: &Pixels) -> u64 {
    let mut hasher = DefaultHasher::new();
    (pixels.width(), pixels.height()).hash(&mut hasher);
    hasher.write(pixels.data());
    hasher.finish()
}
