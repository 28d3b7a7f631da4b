//! The size of the network's input.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ImageError;

/// Channels, height and width of one network input; written `1,28,28` as in the `image_shape` hyperparameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InputShape {
    /// 1 (grey) or 3 (RGB).
    pub channels: u32,
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
}

impl InputShape {
    /// The three numbers in MXNet's order, unchecked.
    pub const fn new(channels: u32, height: u32, width: u32) -> Self {
        Self { channels, height, width }
    }

    /// Bytes of one image: height x width x channels, saturating.
    pub const fn len(&self) -> usize {
        (self.height as usize).saturating_mul(self.width as usize).saturating_mul(self.channels as usize)
    }

    /// Whether some dimension is zero.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for InputShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{}", self.channels, self.height, self.width)
    }
}

impl FromStr for InputShape {
    type Err = ImageError;

    /// Blanks around the numbers are fine: SageMaker's guide once wrote `3, 224, 224`.
    fn from_str(text: &str) -> Result<Self, ImageError> {
        let invalid = || ImageError::Shape { found: text.to_owned() };
        let numbers = text
            .split(',')
            .map(|part| part.trim().parse::<u32>())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| invalid())?;
        match numbers[..] {
            [channels @ (1 | 3), height, width] if height > 0 && width > 0 => {
                Ok(Self { channels, height, width })
            }
            _ => Err(invalid()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_both_ways_and_blanks_are_fine() {
        let shape: InputShape = " 3, 150 ,250".parse().unwrap();
        assert_eq!(shape, InputShape::new(3, 150, 250));
        assert_eq!(shape.to_string(), "3,150,250");
        assert_eq!(shape.len(), 112_500);
    }

    #[test]
    fn anything_but_three_sensible_numbers_is_refused() {
        for text in ["", "3,224", "3,224,224,1", "4,28,28", "1,0,28", "1,28,-1", "a,b,c", "1,28,4294967296"] {
            assert_eq!(
                text.parse::<InputShape>(),
                Err(ImageError::Shape { found: text.to_owned() }),
                "{text}"
            );
        }
    }
}
