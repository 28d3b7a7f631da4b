//! The answers to a channel's images, class by class, and the worst of them.

use std::cmp::Ordering;

use brazier_collective::{Collective, CollectiveError, Wire};
use brazier_data::{Batch, Labels};
use brazier_image::Pixels;
use serde::{Deserialize, Serialize};

use crate::checkpoint::exact;

/// More classes than this have no confusion matrix: it would be of a million cells.
const MATRIX: usize = 1000;

/// Mistakes that are kept with their pictures.
const MISTAKES: usize = 24;

/// The answers to images, counted by class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Of each class, the images that belong to it.
    pub actual: Vec<u64>,
    /// Of each class, the images that were said to belong to it.
    pub predicted: Vec<u64>,
    /// Of each class, the images that belong to it and were said to.
    pub right: Vec<u64>,
    /// Row by row: how many images of the row's class were said to belong to the column's. Only where each image has one
    /// class, and up to 1,000 classes.
    pub confusion: Option<Vec<u64>>,
    /// The answers that were furthest from the truth, worst first.
    pub mistakes: Vec<Mistake>,
}

/// A wrong answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mistake {
    /// Where the image stands in the user's data.
    pub origin: String,
    /// The classes it belongs to.
    pub actual: Vec<usize>,
    /// The classes it was said to belong to.
    pub predicted: Vec<usize>,
    /// The highest probability that was given to something wrong.
    #[serde(with = "exact")]
    pub probability: f64,
    /// Cross-entropy of the answer.
    #[serde(with = "exact")]
    pub loss: f64,
    /// What the network saw; `None` only of an image without extent. A checkpoint has it in a section of its own.
    #[serde(skip)]
    pub pixels: Option<Pixels>,
}

/// How well one class is told from the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// Of the images said to belong to the class the share that does; 0 of none.
    pub precision: f64,
    /// Of the images of the class the share that was found; 0 of none.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
}

impl Tally {
    /// Nothing counted yet. `one_class`: each image has one.
    pub fn new(classes: usize, one_class: bool) -> Self {
        Tally {
            actual: vec![0; classes],
            predicted: vec![0; classes],
            right: vec![0; classes],
            confusion: (one_class && classes <= MATRIX).then(|| vec![0; classes * classes]),
            mistakes: Vec::new(),
        }
    }

    /// Counts the answers to a batch; `logits` has a row of one number a class for each image.
    pub fn take(&mut self, batch: &Batch, logits: &[f32]) {
        let classes = self.actual.len();
        for (at, row) in logits.chunks_exact(classes.max(1)).enumerate() {
            let actual = batch.labels.of(at);
            let answer = match batch.labels {
                Labels::Classes(_) => one_of(row, actual.first().copied().unwrap_or_default()),
                Labels::MultiHot { .. } => each_of(row, &actual),
            };
            self.count(&actual, &answer.classes);
            if answer.classes != actual && self.is_among_the_worst(answer.loss) {
                let image = batch.shape.len();
                let pixels = batch.pixels.get(at * image..(at + 1) * image);
                let shape = batch.shape;
                self.keep(Mistake {
                    origin: batch.origins.get(at).map(ToString::to_string).unwrap_or_default(),
                    actual,
                    predicted: answer.classes,
                    probability: answer.probability,
                    loss: answer.loss,
                    pixels: pixels.and_then(|pixels| {
                        Pixels::new(shape.width, shape.height, shape.channels, pixels.to_vec()).ok()
                    }),
                });
            }
        }
    }

    fn count(&mut self, actual: &[usize], predicted: &[usize]) {
        let add = |counts: &mut Vec<u64>, class: usize| {
            if let Some(count) = counts.get_mut(class) {
                *count += 1;
            }
        };
        actual.iter().for_each(|&class| add(&mut self.actual, class));
        predicted.iter().for_each(|&class| add(&mut self.predicted, class));
        actual
            .iter()
            .filter(|class| predicted.contains(class))
            .for_each(|&class| add(&mut self.right, class));
        if let (Some(confusion), [actual], [predicted]) = (&mut self.confusion, actual, predicted) {
            add(confusion, actual * self.actual.len() + predicted);
        }
    }

    /// Whether its counts are of so many classes.
    pub fn is_of(&self, classes: usize) -> bool {
        let lists = [&self.actual, &self.predicted, &self.right];
        let cells =
            self.confusion.as_ref().is_none_or(|cells| Some(cells.len()) == classes.checked_mul(classes));
        cells && lists.iter().all(|list| list.len() == classes)
    }

    /// The pixels of all mistakes, one picture behind the other.
    pub fn pictures(&self) -> Vec<u8> {
        let pixels = self.mistakes.iter().filter_map(|mistake| mistake.pixels.as_ref());
        pixels.flat_map(Pixels::data).copied().collect()
    }

    /// Gives the mistakes the pixels that [`Tally::pictures`] told, each of `[channels, height, width]`.
    pub fn set_pictures(&mut self, pictures: &[u8], shape: [usize; 3]) {
        let [channels, height, width] = shape.map(|extent| extent as u32);
        let image = shape.iter().product::<usize>().max(1);
        for (mistake, pixels) in self.mistakes.iter_mut().zip(pictures.chunks_exact(image)) {
            mistake.pixels = Pixels::new(width, height, channels, pixels.to_vec()).ok();
        }
    }

    fn is_among_the_worst(&self, loss: f64) -> bool {
        loss.is_finite()
            && (self.mistakes.len() < MISTAKES || self.mistakes.last().is_some_and(|last| loss > last.loss))
    }

    fn keep(&mut self, mistake: Mistake) {
        let place = self.mistakes.partition_point(|kept| kept.loss >= mistake.loss);
        self.mistakes.insert(place, mistake);
        self.mistakes.truncate(MISTAKES);
    }

    /// Sums the counts over the ranks and takes the worst mistakes of all, with pictures of `[channels, height, width]`.
    ///
    /// # Errors
    /// Another rank is gone.
    pub fn reduce(
        &mut self,
        shape: [usize; 3],
        collective: &mut dyn Collective,
    ) -> Result<(), CollectiveError> {
        if collective.world() == 1 {
            return Ok(());
        }
        self.sum(collective)?;
        let own = serde_json::to_vec(&self.mistakes).unwrap_or_default();
        let pictures = collective.all_gather(self.pictures())?;
        let all = collective.all_gather(own)?;
        self.mistakes.clear();
        for (mistakes, pictures) in all.iter().zip(pictures) {
            let mut theirs = Tally {
                mistakes: serde_json::from_slice(mistakes).unwrap_or_default(),
                ..Tally::new(0, false)
            };
            theirs.set_pictures(&pictures, shape);
            theirs.mistakes.into_iter().for_each(|mistake| self.keep(mistake));
        }
        Ok(())
    }

    fn sum(&mut self, collective: &mut dyn Collective) -> Result<(), CollectiveError> {
        let mut lists = vec![&mut self.actual, &mut self.predicted, &mut self.right];
        lists.extend(self.confusion.as_mut());
        // Exact up to 16 million images of a class.
        let mut bucket: Vec<f32> =
            lists.iter().flat_map(|list| list.iter().map(|&count| count as f32)).collect();
        collective.all_reduce_sum(&mut bucket, Wire::Float32)?;
        let mut sums = bucket.into_iter();
        for count in lists.into_iter().flatten() {
            *count = sums.next().unwrap_or_default() as u64;
        }
        Ok(())
    }

    /// How well `class` is told from the others.
    pub fn quality(&self, class: usize) -> Quality {
        let of = |counts: &[u64]| counts.get(class).copied().unwrap_or_default() as f64;
        let (actual, predicted, right) = (of(&self.actual), of(&self.predicted), of(&self.right));
        let share = |whole: f64| if whole > 0.0 { right / whole } else { 0.0 };
        Quality {
            precision: share(predicted),
            recall: share(actual),
            f1: if actual + predicted > 0.0 { 2.0 * right / (actual + predicted) } else { 0.0 },
        }
    }

    /// The classes that any image has or was said to have.
    pub fn met(&self) -> impl Iterator<Item = usize> {
        (0..self.actual.len()).filter(|&class| self.actual[class] + self.predicted[class] > 0)
    }

    /// Means over the classes that any image has or was said to have.
    pub fn mean_quality(&self) -> Quality {
        let met: Vec<Quality> = self.met().map(|class| self.quality(class)).collect();
        let mean = |of: fn(&Quality) -> f64| met.iter().map(of).sum::<f64>() / met.len().max(1) as f64;
        Quality {
            precision: mean(|one| one.precision),
            recall: mean(|one| one.recall),
            f1: mean(|one| one.f1),
        }
    }

    /// The same, the one told worst from the others first.
    pub fn worst_classes(&self) -> Vec<usize> {
        let mut classes: Vec<usize> = self.met().collect();
        let f1 = |class: usize| self.quality(class).f1;
        classes.sort_by(|&a, &b| f1(a).partial_cmp(&f1(b)).unwrap_or(Ordering::Equal));
        classes
    }

    /// Class, the class it was taken for, and how often, most often first.
    pub fn confusions(&self) -> Vec<(usize, usize, u64)> {
        let classes = self.actual.len().max(1);
        let cells = self.confusion.iter().flatten().enumerate();
        let mut pairs: Vec<_> = cells
            .map(|(at, &count)| (at / classes, at % classes, count))
            .filter(|&(actual, predicted, count)| actual != predicted && count > 0)
            .collect();
        pairs.sort_by_key(|&(_, _, count)| std::cmp::Reverse(count));
        pairs
    }
}

/// What the network says of an image.
struct Answer {
    classes: Vec<usize>,
    probability: f64,
    loss: f64,
}

/// The most likely class, the first of equals, of an image of class `actual`.
fn one_of(logits: &[f32], actual: usize) -> Answer {
    let best =
        (1..logits.len()).fold(0, |best, class| if logits[class] > logits[best] { class } else { best });
    let z = |class: usize| f64::from(logits.get(class).copied().unwrap_or(f32::NAN));
    let ln_sum = (0..logits.len()).map(|class| (z(class) - z(best)).exp()).sum::<f64>().ln() + z(best);
    Answer { classes: vec![best], probability: (z(best) - ln_sum).exp(), loss: ln_sum - z(actual) }
}

/// The classes whose probability is above one half, of an image of the classes `actual`.
fn each_of(logits: &[f32], actual: &[usize]) -> Answer {
    let classes = (0..logits.len()).filter(|&class| logits[class] > 0.0).collect();
    // Of the wrong side of each cell: the larger, the worse.
    let wrong = |class: usize| {
        let z = f64::from(logits[class]);
        if actual.contains(&class) { -z } else { z }
    };
    let worst = (0..logits.len()).map(wrong).fold(f64::NEG_INFINITY, f64::max);
    // ln(1 + e^z) without overflow.
    let cost = |z: f64| z.max(0.0) + (-z.abs()).exp().ln_1p();
    let loss = (0..logits.len()).map(|class| cost(wrong(class))).sum::<f64>() / logits.len().max(1) as f64;
    Answer { classes, probability: 1.0 / (1.0 + (-worst).exp()), loss }
}

#[cfg(test)]
mod tests {
    use brazier_image::InputShape;

    use super::*;

    fn batch(labels: Labels) -> Batch {
        let pixels = (0..labels.len() as u8).collect();
        Batch { pixels, labels, shape: InputShape::new(1, 1, 1), origins: Vec::new() }
    }

    #[test]
    fn one_class_each() {
        let mut tally = Tally::new(3, true);
        let batch = batch(Labels::Classes(vec![0, 1, 1, 2]));
        tally.take(&batch, &[2.0, 0.0, 0.0, 0.0, 3.0, 0.0, 4.0, 0.0, 0.0, 0.0, 1.0, 0.5]);
        assert_eq!(
            (&tally.actual, &tally.predicted, &tally.right),
            (&vec![1, 2, 1], &vec![2, 2, 0], &vec![1, 1, 0])
        );
        assert_eq!(tally.confusion, Some(vec![1, 0, 0, 1, 1, 0, 0, 1, 0]));
        assert_eq!(tally.quality(0), Quality { precision: 0.5, recall: 1.0, f1: 2.0 / 3.0 });
        assert_eq!(tally.worst_classes(), [2, 1, 0]);
        assert_eq!(tally.confusions(), [(1, 0, 1), (2, 1, 1)]);
        let worst = &tally.mistakes[0];
        assert_eq!((&worst.actual[..], &worst.predicted[..], tally.mistakes.len()), (&[1][..], &[0][..], 2));
        assert_eq!(worst.pixels.as_ref().unwrap().data(), [2]);
        let sum = 4.0_f64.exp() + 2.0;
        assert!(
            (worst.probability - 4.0_f64.exp() / sum).abs() < 1e-12 && (worst.loss - sum.ln()).abs() < 1e-12
        );
    }

    #[test]
    fn several_classes_each() {
        let mut tally = Tally::new(2, false);
        let batch = batch(Labels::MultiHot { classes: 2, values: vec![1.0, 0.0, 1.0, 1.0] });
        tally.take(&batch, &[1.0, -1.0, 2.0, -3.0]);
        assert_eq!((&tally.actual, &tally.predicted, &tally.right), (&vec![2, 1], &vec![2, 0], &vec![2, 0]));
        assert_eq!((tally.confusion.is_none(), tally.mistakes.len()), (true, 1));
        let loss = ((-2.0_f64).exp().ln_1p() + 3.0_f64.exp().ln_1p()) / 2.0;
        assert!((tally.mistakes[0].loss - loss).abs() < 1e-12);
        assert!((tally.mistakes[0].probability - 1.0 / (1.0 + (-3.0_f64).exp())).abs() < 1e-12);
    }

    #[test]
    fn only_the_worst_mistakes_stay() {
        let mut tally = Tally::new(2, true);
        for number in 0..100 {
            tally.take(&batch(Labels::Classes(vec![0])), &[0.0, (number * 37 % 100) as f32]);
        }
        let losses: Vec<f64> = tally.mistakes.iter().map(|mistake| mistake.loss.round()).collect();
        let expected: Vec<f64> = (76..100).rev().map(f64::from).collect();
        assert_eq!(losses, expected);
        tally.take(&batch(Labels::Classes(vec![0])), &[f32::NAN, f32::NAN]);
        assert_eq!(tally.mistakes.len(), 24);
    }
}
