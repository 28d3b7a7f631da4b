//! Labels written as text in an augmented manifest: `0`, `"0"`, `[1, 0, 1]` or `"[1, 0, 1]"`.
//!
//! SageMaker's developer guide has them as strings and as bare arrays, and tells that the attribute's value
//! is what a container reads from the pipe.

use serde_json::Value;

/// The most labels of one image: the most classes there can be.
const MOST: usize = super::MOST_CLASSES;

/// A text that is neither a number nor a list of numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("label {text}: expected a number such as 3, or a list such as [1, 0, 1]")]
pub struct LabelTextError {
    /// The text, shortened.
    pub text: String,
}

/// The numbers of a label's text.
///
/// # Errors
/// Anything that is not a finite number or a list of them.
pub fn parse(text: &[u8]) -> Result<Vec<f32>, LabelTextError> {
    let value = serde_json::from_slice(text).ok();
    value.as_ref().and_then(labels).ok_or_else(|| LabelTextError { text: shortened(text) })
}

/// The numbers of a JSON value: a number, a text that holds a number or a list, or a list.
pub(crate) fn labels(value: &Value) -> Option<Vec<f32>> {
    match value {
        Value::String(text) => match serde_json::from_str(text.trim()).ok()? {
            // Quotes within quotes are no label that anyone writes.
            Value::String(_) => None,
            inner => labels(&inner),
        },
        Value::Array(values) if values.len() <= MOST => values.iter().map(number).collect(),
        value => number(value).map(|label| vec![label]),
    }
}

fn number(value: &Value) -> Option<f32> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        Value::Bool(set) => f64::from(u8::from(*set)),
        _ => return None,
    };
    Some(number as f32).filter(|label| label.is_finite())
}

fn shortened(text: &[u8]) -> String {
    let shown: String = String::from_utf8_lossy(text.get(..60).unwrap_or(text)).into_owned();
    format!("{shown:?}")
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_spelling_of_the_guide_is_read() {
        for (text, labels) in [
            ("0", vec![0.0]),
            ("\"7\"", vec![7.0]),
            ("3.0", vec![3.0]),
            ("[1, 0, 1]", vec![1.0, 0.0, 1.0]),
            ("\"[1, 0, 1]\"", vec![1.0, 0.0, 1.0]),
            ("[\"2\", \"5\"]", vec![2.0, 5.0]),
            ("[]", vec![]),
            (" 4 \n", vec![4.0]),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap(), labels, "{text}");
        }
    }

    #[test]
    fn what_is_no_label_is_quoted() {
        for text in ["", "cat", "\"cat\"", "{}", "null", "[[1]]", "1e999", "\"\\\"1\\\"\"", "\u{fffd}"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(
            parse(b"cat").unwrap_err().to_string(),
            "label \"cat\": expected a number such as 3, or a list such as [1, 0, 1]"
        );
        assert!(parse(&[0xff; 500]).unwrap_err().to_string().len() < 400);
    }
}
