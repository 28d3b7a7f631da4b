//! Which network a job asks for: family by depth, stem by image height.

use crate::ModelError;
use crate::architecture::Architecture;

/// Depths of the four-stage ImageNet family, then of the three-stage CIFAR family.
pub const DEPTHS: [u32; 11] = [18, 34, 50, 101, 152, 200, 20, 32, 44, 56, 110];

/// Images up to this height get the 3x3 stem. Source: `symbols/resnet.py` of MXNet's image-classification example.
const SMALL_IMAGE_HEIGHT: usize = 32;

/// How the first convolution meets the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stem {
    /// 3x3, stride 1, nothing after it.
    Small,
    /// 7x7, stride 2, then batch norm, ReLU and a 3x3 max pool of stride 2.
    Large,
}

/// What a residual unit is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitKind {
    /// Two 3x3 convolutions.
    Basic,
    /// 1x1 to a quarter of the filters, 3x3, 1x1 back.
    Bottleneck,
}

/// A run of units with one number of filters; all stages but the first halve the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Residual units in the stage.
    pub units: usize,
    /// Output channels of every unit.
    pub filters: usize,
}

/// What the last layer's logits mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Each image has one class; the probabilities of all add up to 1.
    Softmax,
    /// An image can have several classes or none; each has a probability of its own.
    Logistic,
}

/// What one residual unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitForm {
    /// Its convolutions.
    pub kind: UnitKind,
    /// Channels that come in.
    pub input: usize,
    /// Channels that go out.
    pub filters: usize,
    /// What the image is divided by.
    pub stride: usize,
    /// Whether a 1x1 convolution stands in for the identity.
    pub shortcut: bool,
}

/// In which number format a saved model holds and multiplies its weights; batch norms and the answer are float32 in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Single precision.
    #[default]
    Float32,
    /// Half precision.
    Float16,
}

/// Everything that decides the network's tensors and what they compute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What its units do with their convolutions.
    pub architecture: Architecture,
    /// Image channels: 1 or 3.
    pub channels: usize,
    /// The first convolution's form.
    pub stem: Stem,
    /// The first convolution's output channels.
    pub stem_filters: usize,
    /// The kind of every unit.
    pub unit: UnitKind,
    /// The stages, first to last.
    pub stages: Vec<Stage>,
    /// Width of the output.
    pub classes: usize,
    /// Name of the last layer: `fc1`, or what an imported graph calls it.
    pub head: String,
    /// What the logits mean.
    pub output: Output,
    /// How it is saved.
    pub format: Format,
}

impl Layout {
    /// The layout of MXNet's network for `num_layers`, by family: 18..200 have four stages, 20..110 three. The stem follows `height`
    /// alone, as in MXNet; unlike MXNet the family does not, so that 18 layers train on 28x28 images.
    ///
    /// # Errors
    /// An unknown depth, fewer than two classes, or an image without channels or extent.
    pub fn resnet(
        num_layers: u32,
        [channels, height, width]: [usize; 3],
        classes: usize,
    ) -> Result<Self, ModelError> {
        use UnitKind::{Basic, Bottleneck};
        let imagenet = |unit, units: [usize; 4]| {
            let first = if unit == Basic { 64 } else { 256 };
            let stages = (0..4).map(|i| Stage { units: units[i], filters: first << i });
            (unit, 64, stages.collect())
        };
        let cifar = |n: usize| {
            let stages = (0..3).map(|i| Stage { units: n, filters: 16 << i });
            (Basic, 16, stages.collect())
        };
        let (unit, stem_filters, stages) = match num_layers {
            18 => imagenet(Basic, [2, 2, 2, 2]),
            34 => imagenet(Basic, [3, 4, 6, 3]),
            50 => imagenet(Bottleneck, [3, 4, 6, 3]),
            101 => imagenet(Bottleneck, [3, 4, 23, 3]),
            152 => imagenet(Bottleneck, [3, 8, 36, 3]),
            200 => imagenet(Bottleneck, [3, 24, 36, 3]),
            20 | 32 | 44 | 56 | 110 => cifar((num_layers as usize - 2) / 6),
            _ => return Err(ModelError::Depth { found: num_layers }),
        };
        if channels == 0 || height == 0 || width == 0 {
            return Err(ModelError::ImageShape { channels, height, width });
        }
        if classes < 2 {
            return Err(ModelError::Classes { found: classes });
        }
        let stem = if height <= SMALL_IMAGE_HEIGHT { Stem::Small } else { Stem::Large };
        Ok(Layout {
            architecture: Architecture::V2,
            channels,
            stem,
            stem_filters,
            unit,
            stages,
            classes,
            head: "fc1".into(),
            output: Output::Softmax,
            format: Format::Float32,
        })
    }

    /// The same network with logits of another meaning.
    #[must_use]
    pub fn with_output(self, output: Output) -> Self {
        Layout { output, ..self }
    }

    /// The same network, saved in another format.
    #[must_use]
    pub fn with_format(self, format: Format) -> Self {
        Layout { format, ..self }
    }

    /// The same network with another first convolution.
    #[must_use]
    pub fn with_stem(self, stem: Stem) -> Self {
        Layout { stem, ..self }
    }

    /// The network of the same depth in another architecture.
    ///
    /// # Errors
    /// A depth that it does not have.
    pub fn with_architecture(self, architecture: Architecture) -> Result<Self, ModelError> {
        let depth = self.depth();
        match architecture.depths().iter().any(|&known| known as usize == depth) {
            true => Ok(Layout { architecture, ..self }),
            false => Err(ModelError::VersionDepth { architecture, found: depth }),
        }
    }

    /// The units of each stage. All stages but the first begin by halving the image.
    pub fn units(&self) -> Vec<Vec<UnitForm>> {
        let mut input = self.stem_filters;
        let stage = |(index, stage): (usize, &Stage)| {
            let form = |unit| {
                let stride = if unit == 0 && index > 0 { 2 } else { 1 };
                let shortcut = match self.architecture {
                    // Also where shapes would allow the identity.
                    Architecture::V2 => unit == 0,
                    Architecture::V15 => stride != 1 || input != stage.filters,
                };
                let form = UnitForm { kind: self.unit, input, filters: stage.filters, stride, shortcut };
                input = stage.filters;
                form
            };
            (0..stage.units).map(form).collect()
        };
        self.stages.iter().enumerate().map(stage).collect()
    }

    /// What people call it: `ResNet-50`, and its version unless that is MXNet's.
    pub fn name(&self) -> String {
        let depth = self.depth();
        match self.architecture {
            Architecture::V2 => format!("ResNet-{depth}"),
            Architecture::V15 => format!("ResNet-{depth} v1.5"),
        }
    }

    /// Convolution and linear layers along the longest path, as depth is counted: `num_layers` of the job.
    pub fn depth(&self) -> usize {
        let each = if self.unit == UnitKind::Basic { 2 } else { 3 };
        2 + self.stages.iter().map(|stage| stage.units * each).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_depth_counts_its_own_layers() {
        for depth in DEPTHS {
            let layout = Layout::resnet(depth, [3, 224, 224], 10).unwrap();
            assert_eq!(layout.depth(), depth as usize);
        }
    }

    #[test]
    fn height_alone_picks_the_stem() {
        let stem = |h, w| Layout::resnet(18, [3, h, w], 2).unwrap().stem;
        assert_eq!((stem(32, 300), stem(33, 8)), (Stem::Small, Stem::Large));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let message = |depth, shape, classes| Layout::resnet(depth, shape, classes).unwrap_err().to_string();
        assert!(message(19, [3, 32, 32], 2).contains("19"));
        assert!(message(18, [3, 0, 32], 2).contains("3,0,32"));
        assert!(message(18, [3, 32, 32], 1).contains('1'));
    }

    #[test]
    fn a_version_has_depths_and_shortcuts_of_its_own() {
        let layout = |depth| Layout::resnet(depth, [3, 224, 224], 2).unwrap();
        let v15 = |depth| layout(depth).with_architecture(Architecture::V15);
        for depth in DEPTHS {
            assert_eq!(v15(depth).is_ok(), [18, 34, 50, 101, 152].contains(&depth), "{depth}");
        }
        assert!(v15(200).unwrap_err().to_string().contains("18, 34, 50, 101, 152, num_layers is 200"));
        let shortcuts = |layout: Layout| -> Vec<bool> {
            layout.units().iter().map(|stage| stage[0].shortcut && !stage[1].shortcut).collect()
        };
        assert_eq!(shortcuts(v15(18).unwrap()), [false, true, true, true]);
        assert_eq!(shortcuts(v15(50).unwrap()), [true; 4]);
        assert_eq!(shortcuts(layout(18)), [true; 4]);
        assert_eq!(
            (v15(50).unwrap().name(), layout(20).name()),
            ("ResNet-50 v1.5".into(), "ResNet-20".into())
        );
    }
}
