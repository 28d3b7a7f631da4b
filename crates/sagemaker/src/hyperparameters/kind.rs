//! What a hyperparameter's text must look like.

use std::fmt;

use super::value::{self, Value};

/// The form and range of a hyperparameter. Its `Display` completes the phrase "expects ...".
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A whole number, both ends included.
    Integer {
        /// Smallest value.
        min: u64,
        /// Largest value.
        max: u64,
    },
    /// A finite number, both ends included.
    Float {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
    },
    /// `True`, `true`, `1`, `yes`, and their opposites.
    Bool,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// One of these numbers.
    IntegerChoice(&'static [u64]),
    /// `channels,height,width`.
    ImageShape,
    /// Strictly increasing epochs, such as `10,20`.
    EpochList,
}

impl Kind {
    /// The value of `text`, which is trimmed and not empty.
    pub(super) fn read(self, text: &str) -> Option<Value> {
        match self {
            Self::Integer { min, max } => {
                value::integer(text).filter(|number| (min..=max).contains(number)).map(Value::Integer)
            }
            Self::Float { min, max } => {
                value::float(text).filter(|number| (min..=max).contains(number)).map(Value::Float)
            }
            Self::Bool => value::boolean(text).map(Value::Bool),
            Self::Choice(words) => {
                words.iter().find(|word| word.eq_ignore_ascii_case(text)).map(|word| Value::Choice(word))
            }
            Self::IntegerChoice(numbers) => {
                value::integer(text).filter(|number| numbers.contains(number)).map(Value::Integer)
            }
            Self::ImageShape => value::image_shape(text).map(Value::Shape),
            Self::EpochList => value::epochs(text).map(Value::Epochs),
        }
    }

    /// The type in one word, for documentation.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Integer { .. } | Self::IntegerChoice(_) => "integer",
            Self::Float { .. } => "float",
            Self::Bool => "boolean",
            Self::Choice(_) | Self::ImageShape | Self::EpochList => "string",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer { min, max } => write!(f, "an integer between {min} and {max}"),
            Self::Float { min, max } => write!(f, "a float between {min:?} and {max:?}"),
            Self::Bool => f.write_str("one of True, False, 1, 0"),
            Self::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Self::IntegerChoice(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                write!(f, "one of {}", numbers.join(", "))
            }
            Self::ImageShape => f.write_str(
                "a string channels,height,width with 1 or 3 channels and sides between 1 and 4096, such as 3,224,224",
            ),
            Self::EpochList => f.write_str("a list of increasing epochs from 1 on, such as 10,20"),
        }
    }
}
