//! What a convolution multiplies: a tensor's values as they are, or in another format.

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
    Same(ChannelsLast),
    /// Of any number of channels, which a tensor of pairs is not.
    Rounded(Arc<Halves>),
}

impl Factor {
    /// In a format.
    pub(super) fn of(tensor: ChannelsLast, path: Path, format: Format) -> Self {
        let images = tensor.images;
        let values = match (tensor.factors(), format) {
            (Factors::Float32(values), Format::Bfloat16) => {
                Values::Rounded(Arc::new(Halves::of(path, values, tensor.channels)))
            }
            _ => Values::Same(tensor.to(path, format)),
        };
        Factor { images, values }
    }

    /// The image of a convolution in a format: in float32, where it has few channels.
    pub(super) fn image(tensor: ChannelsLast, convolution: &Convolution, path: Path, format: Format) -> Self {
        let format = if convolution.is_stem() { Format::Float32 } else { format };
        Factor::of(tensor, path, format)
    }

    pub(super) fn factors(&self) -> Factors<'_> {
        match &self.values {
            Values::Same(tensor) => tensor.factors(),
            Values::Rounded(halves) => halves.as_ref().into(),
        }
    }
}
