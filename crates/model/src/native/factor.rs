//! What a convolution multiplies: a tensor's values as they are, or rounded.

use std::sync::Arc;

use brazier_kernels::convolution::Images;
use brazier_kernels::{Convolution, Factors, Format, Halves, Path};

use super::values::ChannelsLast;

/// `[n, channels, h, w]`, channels last.
#[derive(Clone, Debug)]
pub(super) struct Factor {
    pub(super) images: Images,
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    Float32(ChannelsLast),
    Bfloat16(Arc<Halves>),
}

impl Factor {
    /// In a format.
    pub(super) fn of(tensor: ChannelsLast, path: Path, format: Format) -> Self {
        let images = tensor.images;
        let values = match format {
            Format::Float32 => Values::Float32(tensor),
            Format::Bfloat16 => {
                Values::Bfloat16(Arc::new(Halves::of(path, tensor.values(), tensor.channels)))
            }
        };
        Factor { images, values }
    }

    /// The image of a convolution in a format: as it is, where it has few channels.
    pub(super) fn image(tensor: ChannelsLast, convolution: &Convolution, path: Path, format: Format) -> Self {
        let format = if convolution.is_stem() { Format::Float32 } else { format };
        Factor::of(tensor, path, format)
    }

    pub(super) fn factors(&self) -> Factors<'_> {
        match &self.values {
            Values::Float32(tensor) => tensor.values().into(),
            Values::Bfloat16(halves) => halves.as_ref().into(),
        }
    }
}
