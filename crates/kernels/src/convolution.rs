//! A convolution and its gradients, without a copy of the image unfolded.
//!
//! - `forward`: the convolution and the gradient of its data, one kernel (`gather`, `tile`): each pixel of the target sums, over
//!   the taps that lie inside the source, a row of channels times a packed matrix (`packed`). A `table` says where the rows are;
//!   it sorts the pixels so that those of a tile have the same taps, which leaves out all products with padding or, in the
//!   gradient of a strided convolution, with pixels that do not exist. `output`: what happens to a sum then
//! - `weight_gradient`: the gradient of the weights, a product over pixels; `pointwise`: of a 1x1 convolution
//! - `winograd`: all three of a 3x3 convolution at stride 1; `stem`: of an image of few channels
//! - `outer`: sums of products over many pixels or patches; `planes`: where their sides lie; `soon`: what memory is asked for

mod forward;
mod gather;
mod outer;
mod output;
mod packed;
mod planes;
mod pointwise;
mod soon;
mod stem;
mod table;
mod tile;
mod weight_gradient;
mod winograd;

pub use output::Output;
pub use packed::{Algorithm, Packed};

use crate::ShapeError;
use crate::error::fits;

/// A square kernel over square padding, without bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Convolution {
    /// Channels in.
    pub input: usize,
    /// Channels out.
    pub output: usize,
    /// Extent of the kernel.
    pub kernel: usize,
    /// Pixels between two positions.
    pub stride: usize,
    /// Zeros around the image.
    pub padding: usize,
}

/// Images of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Images {
    /// How many.
    pub count: usize,
    /// Rows.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
}

impl Images {
    /// Pixels of all images.
    pub fn pixels(self) -> usize {
        self.count * self.plane()
    }

    /// Pixels of one image.
    pub fn plane(self) -> usize {
        self.height * self.width
    }
}

/// Most taps of a kernel: one bit each.
const MOST_TAPS: usize = 64;

impl Convolution {
    /// A linear layer: one pixel, one tap.
    pub fn linear(input: usize, output: usize) -> Self {
        Convolution { input, output, kernel: 1, stride: 1, padding: 0 }
    }

    /// The images that come out.
    pub fn target(&self, source: Images) -> Images {
        let extent = |extent: usize| (extent + 2 * self.padding - self.kernel) / self.stride + 1;
        Images { count: source.count, height: extent(source.height), width: extent(source.width) }
    }

    /// Values of the weights.
    pub fn weights(&self) -> usize {
        self.input * self.output * self.taps()
    }

    fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    /// # Errors
    /// Extents that no convolution has.
    fn check(&self, source: Images) -> Result<(), ShapeError> {
        let error = |what, found, expected: String| Err(ShapeError { what, found, expected });
        let smallest = source.height.min(source.width) + 2 * self.padding;
        if self.kernel == 0 || self.taps() > MOST_TAPS {
            return error("the kernel's extent", self.kernel, "1 to 8".to_owned());
        }
        if self.stride == 0 || self.input == 0 || self.output == 0 {
            return error("the smallest of stride and channels", 0, "at least 1".to_owned());
        }
        if smallest < self.kernel || source.height == 0 || source.width == 0 {
            return error("the padded image's extent", smallest, format!("at least {}", self.kernel));
        }
        if u32::try_from(source.plane()).is_err() {
            return error("an image's number of pixels", source.plane(), "less than 2^32".to_owned());
        }
        Ok(())
    }

    fn check_data(&self, source: Images, x: usize, y: usize) -> Result<(), ShapeError> {
        self.check(source)?;
        fits("the number of values in", x, source.pixels() * self.input)?;
        fits("the number of values out", y, self.target(source).pixels() * self.output)
    }
}
