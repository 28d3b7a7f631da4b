//! Sizes, formats and colours of a channel's images.

use std::collections::BTreeMap;

use brazier_image::InputShape;
use serde::Serialize;

use super::scan::Picture;

/// Sizes told; photographs can have thousands.
const TOLD: usize = 100;

/// Default input of the network, width and height.
const USUAL: (u32, u32) = (224, 224);

/// The sizes of a channel's images, in pixels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// Columns.
    pub width: Spread,
    /// Rows.
    pub height: Spread,
    /// Number of different sizes.
    pub distinct: usize,
    /// The most frequent sizes, at most 100.
    pub common: Vec<Common>,
    /// Width and height that were wanted; `None` if nothing was asked for and all images have one size.
    pub smaller_than: Option<(u32, u32)>,
    /// Images with a side below that.
    pub smaller: u64,
}

/// Least, median and largest of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// The least.
    pub min: u32,
    /// Half of the images have no more; the lower of the two in the middle.
    pub median: u32,
    /// The largest.
    pub max: u32,
}

/// A size and how many images have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Common {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Images of this size.
    pub samples: u64,
}

impl Sizes {
    /// `None` without pictures.
    pub(super) fn of<'a>(
        pictures: impl Iterator<Item = &'a Picture>,
        shape: Option<InputShape>,
    ) -> Option<Self> {
        let mut counts: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        pictures.for_each(|picture| *counts.entry((picture.width, picture.height)).or_default() += 1);
        let wanted = shape.map(|shape| (shape.width, shape.height));
        let smaller_than = wanted.or((counts.len() > 1).then_some(USUAL));
        let is_smaller =
            |size: &(u32, u32)| smaller_than.is_some_and(|(width, height)| size.0 < width || size.1 < height);
        let smaller = counts.iter().filter(|(size, _)| is_smaller(size)).map(|(_, count)| count).sum();
        let mut common: Vec<Common> =
            counts.iter().map(|(&(width, height), &samples)| Common { width, height, samples }).collect();
        let distinct = common.len();
        // Stable: equal counts stay in order of size.
        common.sort_by_key(|common| std::cmp::Reverse(common.samples));
        common.truncate(TOLD);
        let side = |of: fn(&(u32, u32)) -> u32| {
            let mut sides: BTreeMap<u32, u64> = BTreeMap::new();
            counts.iter().for_each(|(size, count)| *sides.entry(of(size)).or_default() += count);
            Spread::of(&sides)
        };
        let (width, height) = (side(|size| size.0)?, side(|size| size.1)?);
        Some(Self { width, height, distinct, common, smaller_than, smaller })
    }
}

impl Spread {
    fn of(counts: &BTreeMap<u32, u64>) -> Option<Self> {
        let middle = counts.values().sum::<u64>().div_ceil(2);
        let mut seen = 0;
        let mut reached = counts.iter().map(|(side, count)| {
            seen += count;
            (*side, seen)
        });
        let median = reached.find(|(_, seen)| *seen >= middle)?.0;
        Some(Self { min: *counts.first_key_value()?.0, median, max: *counts.last_key_value()?.0 })
    }
}

/// How many pictures there are of each name that `of` gives.
pub(super) fn tally<'a>(
    pictures: impl Iterator<Item = &'a Picture>,
    of: fn(&Picture) -> &'static str,
) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    pictures.for_each(|picture| *counts.entry(of(picture)).or_default() += 1);
    counts
}
