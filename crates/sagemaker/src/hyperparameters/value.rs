//! Text to values, for every dialect in which clients spell them.
//!
//! The platform carries strings only. The plain SDK `Estimator` writes Python's `str()` (`True`, `[1, 2]`),
//! framework estimators write JSON (`true`, and text with its quotes), the tuner writes floats at full length.

use super::ImageShape;

/// Largest height or width of [`ImageShape`], in pixels.
const LARGEST_SIDE: u64 = 4096;
/// Largest item of a list of epochs: what `epochs` itself may be. Arithmetic on epochs relies on it.
const LARGEST_EPOCH: usize = 1_000_000;

/// A value of the table's kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Integer(u64),
    Float(f64),
    Bool(bool),
    Choice(&'static str),
    Shape(ImageShape),
    Epochs(Vec<usize>),
}

/// Trims, takes one pair of JSON quotes off, and reads empty text, `None` and `null` as "not set".
pub(super) fn unquoted(raw: &str) -> Option<String> {
    let text = raw.trim();
    let quoted = text.len() >= 2 && text.starts_with('"') && text.ends_with('"');
    let text = if quoted {
        serde_json::from_str(text).unwrap_or_else(|_| text.to_string())
    } else {
        text.to_string()
    };
    let text = text.trim();
    (!matches!(text, "" | "None" | "null")).then(|| text.to_string())
}

/// `18`, and also `18.0` and `1e3`, which the tuner and JSON encoders write for whole numbers.
pub(super) fn integer(text: &str) -> Option<u64> {
    if let Ok(whole) = text.parse() {
        return Some(whole);
    }
    let number = float(text)?;
    // Above 2^53 a float no longer names one integer.
    let exact = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
    exact.then_some(number as u64)
}

/// Any finite number; not `nan` and not `inf`.
pub(super) fn float(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// `true`/`false`, `1`/`0` and `yes`/`no` in any letter case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" => Some(true),
        "false" | "no" => Some(false),
        _ => match integer(text)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
    }
}

/// `10,20`, `10, 20`, `[10, 20]`, `(10, 20)` or `['a', 'b']`, as its items.
pub(super) fn list(text: &str) -> Vec<&str> {
    let bare = |open, close| text.strip_prefix(open).and_then(|rest: &str| rest.strip_suffix(close));
    let inner = bare('[', ']').or_else(|| bare('(', ')')).unwrap_or(text).trim();
    if inner.is_empty() {
        return Vec::new();
    }
    // Python writes a tuple of one with a comma at its end.
    inner.strip_suffix(',').unwrap_or(inner).split(',').map(item).collect()
}

fn item(text: &str) -> &str {
    let text = text.trim();
    let bare = |quote| text.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    bare('\'').or_else(|| bare('"')).unwrap_or(text).trim()
}

/// `channels,height,width`.
pub(super) fn image_shape(text: &str) -> Option<ImageShape> {
    let sizes: Option<Vec<u64>> = list(text).into_iter().map(integer).collect();
    let [channels, height, width] = sizes?.try_into().ok()?;
    let side = |size| u32::try_from(size).ok().filter(|&size| (1..=LARGEST_SIDE).contains(&u64::from(size)));
    let channels = u32::try_from(channels).ok().filter(|channels| matches!(channels, 1 | 3))?;
    Some(ImageShape { channels, height: side(height)?, width: side(width)? })
}

/// Epoch numbers from 1 to [`LARGEST_EPOCH`], each larger than the one before.
pub(super) fn epochs(text: &str) -> Option<Vec<usize>> {
    let epochs: Option<Vec<usize>> = list(text)
        .into_iter()
        .map(|item| integer(item).and_then(|epoch| usize::try_from(epoch).ok()))
        .collect();
    let epochs = epochs?;
    let increasing = epochs.first() != Some(&0) && epochs.is_sorted_by(|earlier, later| earlier < later);
    // The last is the largest.
    let bounded = epochs.last().is_none_or(|last| *last <= LARGEST_EPOCH);
    (increasing && bounded).then_some(epochs)
}

/// A float as Python's `repr` writes it: `1.0`, `0.0001`, `1e-05`. Users' notebooks match such lines.
pub fn python_float(number: f64) -> String {
    let text = format!("{number:?}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}
