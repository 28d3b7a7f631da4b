//! The same picture more than once: within a channel, or in both.

use serde::Serialize;

use super::scan::Scanned;
use crate::Dataset;

/// In what the copies of an image agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Identical {
    /// Every encoded byte.
    Bytes,
    /// Every pixel, though not the bytes: one was encoded anew, without loss.
    Pixels,
}

/// One of several samples with the same picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Copied {
    /// Where it stands in the user's data.
    pub origin: String,
    /// Its labels.
    pub labels: Vec<f32>,
}

/// A picture that a channel holds several times.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Duplicate {
    /// In what the copies agree.
    pub identical: Identical,
    /// Digest of the first copy's encoded bytes, in hexadecimal.
    pub sha256: String,
    /// Whether the labels differ: one of them at least must be wrong.
    pub conflict: bool,
    /// In the channel's order.
    pub copies: Vec<Copied>,
}

/// A picture in both channels: the validation score then rewards learning it by heart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Leak {
    /// In what the copies agree.
    pub identical: Identical,
    /// Digest of the first copy's encoded bytes, in hexadecimal.
    pub sha256: String,
    /// Whether the labels differ: one of them at least must be wrong.
    pub conflict: bool,
    /// The copies in the training channel.
    pub train: Vec<Copied>,
    /// The copies in the validation channel.
    pub validation: Vec<Copied>,
}

/// A channel's samples, and what is known of them.
#[derive(Clone, Copy)]
pub(super) struct Channel<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) scanned: &'a Scanned,
}

/// A sample: its channel's number, and its index there.
type Place = (usize, usize);

/// The places of pictures that are there more than once, in the order of the first copy. Images that do not decode are
/// not compared.
fn groups(channels: &[Channel<'_>]) -> Vec<Vec<Place>> {
    let mut order: Vec<(u64, Place)> = Vec::new();
    for (number, channel) in channels.iter().enumerate() {
        let pictures = channel.scanned.iter().map(|sample| sample.picture.as_ref().ok()).enumerate();
        order.extend(pictures.filter_map(|(index, picture)| Some((picture?.pixels, (number, index)))));
    }
    order.sort_unstable();
    let same = order.chunk_by(|one, next| one.0 == next.0).filter(|same| same.len() > 1);
    let mut groups: Vec<Vec<Place>> =
        same.map(|same| same.iter().map(|(_, place)| *place).collect()).collect();
    groups.sort_unstable();
    groups
}

impl Channel<'_> {
    fn copies(&self, indices: impl Iterator<Item = usize>) -> Vec<Copied> {
        let copied = |index| {
            let origin = self.dataset.source.origin(index);
            let labels = self.scanned.get(index).and_then(|sample| sample.labels.as_deref());
            Copied {
                origin: origin.map_or_else(|_| format!("sample {index}"), |origin| origin.to_string()),
                labels: labels.unwrap_or_default().to_vec(),
            }
        };
        indices.map(copied).collect()
    }
}

/// The pictures that a channel holds several times.
pub(super) fn duplicates(channel: Channel<'_>) -> Vec<Duplicate> {
    let duplicate = |places: Vec<Place>| {
        let (identical, sha256) = compare(&[channel], &places);
        let copies = channel.copies(places.iter().map(|(_, index)| *index));
        Duplicate { identical, sha256, conflict: differ(&copies), copies }
    };
    groups(&[channel]).into_iter().map(duplicate).collect()
}

/// The pictures that both channels hold.
pub(super) fn leaks(train: Channel<'_>, validation: Channel<'_>) -> Vec<Leak> {
    let leak = |places: Vec<Place>| {
        let (identical, sha256) = compare(&[train, validation], &places);
        let of = |number| places.iter().filter(move |place| place.0 == number).map(|(_, index)| *index);
        let (train, validation) = (train.copies(of(0)), validation.copies(of(1)));
        let conflict = differ(train.iter().chain(&validation));
        Leak { identical, sha256, conflict, train, validation }
    };
    let mut both = groups(&[train, validation]);
    both.retain(|places| places.iter().any(|place| place.0 == 0) && places.iter().any(|place| place.0 == 1));
    both.into_iter().map(leak).collect()
}

/// In what the pictures at `places` agree, and the first one's digest in hexadecimal.
fn compare(channels: &[Channel<'_>], places: &[Place]) -> (Identical, String) {
    let picture = |(number, index): &Place| {
        let sample = channels.get(*number).and_then(|channel| channel.scanned.get(*index));
        sample.and_then(|sample| sample.picture.as_ref().ok()).map_or([0; 32], |picture| picture.sha256)
    };
    let mut digests = places.iter().map(picture);
    let first = digests.next().unwrap_or_default();
    let identical = if digests.all(|digest| digest == first) { Identical::Bytes } else { Identical::Pixels };
    (identical, first.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn differ<'a>(copies: impl IntoIterator<Item = &'a Copied>) -> bool {
    let mut labels = copies.into_iter().map(|copy| &copy.labels);
    let first = labels.next();
    labels.any(|labels| Some(labels) != first)
}
