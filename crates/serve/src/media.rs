//! Media types: which bodies are taken, which form of answer is asked for.

use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap};

use crate::RequestError;

/// What a request's `Content-Type` may be, for messages. The bytes decide what an image is: clients of the built-in
/// algorithm send PNG as `application/x-image` as well.
pub const IMAGES: &str = "application/x-image, image/jpeg, image/png, application/jpeg";

/// What a request's `Accept` may ask for, for messages.
pub const ANSWERS: &str = "application/json, application/jsonlines, application/json;verbose";

/// Characters of a client's header that are repeated to it: SageMaker passes on 2048 of a whole error.
const SHOWN: usize = 100;

/// A form of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// `[p0, p1, ...]`: the built-in algorithm's endpoint.
    List,
    /// `{"prediction": [p0, p1, ...]}`: its batch transform.
    Prediction,
    /// Probabilities, class names and the name of the likeliest: the form of the built-in algorithm's TensorFlow
    /// sibling.
    Verbose,
}

/// Refuses a `Content-Type` other than an image's. One that is absent or empty counts as `application/x-image`.
///
/// # Errors
/// Another type.
pub fn check_content_type(headers: &HeaderMap) -> Result<(), RequestError> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let text = String::from_utf8_lossy(value.as_bytes());
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "" | "application/x-image" | "image/jpeg" | "image/png" | "application/jpeg" => Ok(()),
        _ => Err(RequestError::MediaType { found: shortened(&text) }),
    }
}

/// The form of answer that the request's `Accept` prefers; `default` where it leaves the choice to us.
///
/// # Errors
/// It names only what we do not have.
pub fn negotiate(headers: &HeaderMap, default: Output) -> Result<Output, RequestError> {
    let values = headers.get_all(ACCEPT).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let accept = values.collect::<Vec<_>>().join(",");
    if accept.trim().is_empty() {
        return Ok(default);
    }
    preferred(&accept, default).ok_or_else(|| RequestError::NotAcceptable { found: shortened(&accept) })
}

/// The known range of highest quality in an `Accept` header's text; the first of equals.
pub(crate) fn preferred(accept: &str, default: Output) -> Option<Output> {
    let mut best: Option<(Output, f32)> = None;
    for range in accept.split(',') {
        let Some((output, quality)) = range_of(range, default) else { continue };
        if quality > best.map_or(0.0, |(_, best)| best) {
            best = Some((output, quality));
        }
    }
    best.map(|(output, _)| output)
}

/// One media range with its quality, 1 where none is given (RFC 9110, section 12.4.2).
fn range_of(range: &str, default: Output) -> Option<(Output, f32)> {
    let range = range.to_ascii_lowercase();
    let mut parts = range.split(';').map(str::trim);
    let essence = parts.next()?;
    let (mut verbose, mut quality) = (false, 1.0);
    for parameter in parts {
        match parameter.split_once('=') {
            Some((name, value)) if name.trim() == "q" => quality = value.trim().parse().unwrap_or(1.0),
            _ => verbose |= parameter == "verbose",
        }
    }
    let output = match essence {
        "*/*" | "application/*" => default,
        "application/json" if verbose => Output::Verbose,
        "application/json" => Output::List,
        "application/jsonlines" => Output::Prediction,
        _ => return None,
    };
    Some((output, quality))
}

fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn content_type(text: &str) -> Result<(), RequestError> {
        check_content_type(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(text).unwrap())]))
    }

    #[test]
    fn images_are_taken_in_any_case_and_with_parameters() {
        for text in ["application/x-image", "IMAGE/PNG", "image/jpeg; q=1", " application/jpeg;a=b", ""] {
            assert!(content_type(text).is_ok(), "{text}");
        }
        assert!(check_content_type(&HeaderMap::new()).is_ok());
    }

    #[test]
    fn what_is_refused_is_named_but_not_at_length() {
        assert!(content_type("text/csv").unwrap_err().to_string().contains("'text/csv'"));
        assert!(content_type("application/x-images").is_err());
        assert!(content_type(&"x".repeat(5000)).unwrap_err().to_string().len() < 300);
    }

    #[test]
    fn the_best_known_range_wins() {
        use Output::{List, Prediction, Verbose};
        for (accept, expected) in [
            ("*/*", Some(Prediction)),
            ("application/*", Some(Prediction)),
            ("application/json", Some(List)),
            ("Application/JSON; charset=utf-8", Some(List)),
            ("application/json;verbose", Some(Verbose)),
            ("application/json ; Verbose ; q=0.5", Some(Verbose)),
            ("application/jsonlines", Some(Prediction)),
            ("application/json;q=0.2, application/jsonlines;q=0.9", Some(Prediction)),
            ("text/html, application/json;q=0.8", Some(List)),
            ("application/json, application/jsonlines", Some(List)),
            ("application/json;q=0, */*;q=0.1", Some(Prediction)),
            ("application/json;q=0", None),
            ("text/csv, image/png", None),
        ] {
            assert_eq!(preferred(accept, Prediction), expected, "{accept}");
        }
    }

    #[test]
    fn several_headers_are_one_list_and_none_leaves_the_default() {
        let headers = |values: &[&'static str]| {
            values.iter().map(|&value| (ACCEPT, HeaderValue::from_static(value))).fold(
                HeaderMap::new(),
                |mut headers, (name, value)| {
                    headers.append(name, value);
                    headers
                },
            )
        };
        assert_eq!(negotiate(&headers(&[]), Output::List).unwrap(), Output::List);
        assert_eq!(negotiate(&headers(&[""]), Output::Prediction).unwrap(), Output::Prediction);
        let split = headers(&["text/html", "application/json;verbose"]);
        assert_eq!(negotiate(&split, Output::List).unwrap(), Output::Verbose);
        assert!(negotiate(&headers(&["text/html"]), Output::List).is_err());
    }
}
