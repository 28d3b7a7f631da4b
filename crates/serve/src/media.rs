//! Media types: which bodies are taken, which form of answer is asked for.

use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap};

use crate::RequestError;

/// What a request's `Content-Type` may be, for messages. The bytes decide what an image is: clients of the built-in
/// algorithm send PNG as `application/x-image` as well.
pub const IMAGES: &str = "application/x-image, image/jpeg, image/png, another image/*, application/jpeg, \
     application/x-recordio";

/// What a request's `Accept` may ask for, for messages.
pub const ANSWERS: &str =
    "application/json, application/jsonlines, application/json;verbose, application/json;verbose;top_k=N";

/// SageMaker hands this header through as it is, so a caller whose SDK sets `Accept` can ask for an answer by it.
pub(crate) const ATTRIBUTES: &str = "x-amzn-sagemaker-custom-attributes";

/// Our words among custom attributes, whose other content is the caller's own affair.
const VERBOSE_ATTRIBUTE: &str = "brazier-verbose";
const TOP_ATTRIBUTE: &str = "brazier-top-k";

/// Likeliest classes in a verbose answer that does not say how many.
const TOP: usize = 5;

/// Characters of a client's header that are repeated to it: SageMaker passes on 2048 of a whole error.
const SHOWN: usize = 100;

/// A form of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// `[p0, p1, ...]`: the built-in algorithm's endpoint.
    List,
    /// `{"prediction": [p0, p1, ...]}`: its batch transform.
    Prediction,
    /// Probabilities, class names and the name of the likeliest, the form of the built-in algorithm's TensorFlow
    /// sibling; and the likeliest classes in order, with the model's version.
    Verbose {
        /// How many of the likeliest classes.
        top: usize,
    },
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// One image.
    Image,
    /// Images in records of RecordIO, or one without its frame.
    Records,
}

/// What a request's `Content-Type` says its body is. One that is absent or empty counts as `application/x-image`.
///
/// # Errors
/// Another type than that of images or RecordIO.
pub fn input(headers: &HeaderMap) -> Result<Input, RequestError> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(Input::Image) };
    let text = String::from_utf8_lossy(value.as_bytes());
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "" | "application/x-image" | "application/jpeg" => Ok(Input::Image),
        image if image.starts_with("image/") => Ok(Input::Image),
        "application/x-recordio" => Ok(Input::Records),
        _ => Err(RequestError::MediaType { found: shortened(&text) }),
    }
}

/// The form of answer that the request asks for by a custom attribute or prefers by its `Accept`; `default` where it
/// leaves the choice to us.
///
/// # Errors
/// It names only what we do not have.
pub fn negotiate(headers: &HeaderMap, default: Output) -> Result<Output, RequestError> {
    if let Some(output) = by_attributes(headers) {
        return Ok(output);
    }
    let values = headers.get_all(ACCEPT).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let accept = values.collect::<Vec<_>>().join(",");
    if accept.trim().is_empty() {
        return Ok(default);
    }
    preferred(&accept, default).ok_or_else(|| RequestError::NotAcceptable { found: shortened(&accept) })
}

/// A verbose answer, where custom attributes ask for one: `brazier-verbose`, or `brazier-top-k=3`, among others
/// between commas or semicolons.
fn by_attributes(headers: &HeaderMap) -> Option<Output> {
    let text = headers.get(ATTRIBUTES)?.to_str().ok()?;
    let mut found = None;
    let text = text.to_ascii_lowercase();
    for word in text.split([',', ';']).map(str::trim) {
        match word.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
            Some((TOP_ATTRIBUTE, value)) => found = value.parse().ok().or(found),
            Some((VERBOSE_ATTRIBUTE, value)) if is_yes(value) => found = found.or(Some(TOP)),
            None if word == VERBOSE_ATTRIBUTE => found = found.or(Some(TOP)),
            _ => {}
        }
    }
    found.map(|top| Output::Verbose { top })
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
    let (mut verbose, mut quality, mut top) = (false, 1.0, TOP);
    for parameter in parts {
        match parameter.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
            Some(("q", value)) => quality = value.parse().unwrap_or(1.0),
            Some(("top_k", value)) => top = value.parse().ok()?,
            Some(("verbose", value)) => verbose |= is_yes(value),
            _ => verbose |= parameter == "verbose",
        }
    }
    let output = match essence {
        "*/*" | "application/*" => default,
        "application/json" if verbose => Output::Verbose { top },
        "application/json" => Output::List,
        "application/jsonlines" => Output::Prediction,
        _ => return None,
    };
    Some((output, quality))
}

fn is_yes(value: &str) -> bool {
    matches!(value, "true" | "1" | "yes" | "on")
}

pub(crate) fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn content_type(text: &str) -> Result<Input, RequestError> {
        input(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(text).unwrap())]))
    }

    #[test]
    fn images_are_taken_in_any_case_and_with_parameters() {
        for text in
            ["application/x-image", "IMAGE/PNG", "image/webp", "image/jpeg; q=1", " application/jpeg;a=b", ""]
        {
            assert_eq!(content_type(text).unwrap(), Input::Image, "{text}");
        }
        assert_eq!(input(&HeaderMap::new()).unwrap(), Input::Image);
        assert_eq!(content_type("application/x-recordio").unwrap(), Input::Records);
    }

    #[test]
    fn what_is_refused_is_named_but_not_at_length() {
        assert!(content_type("text/csv").unwrap_err().to_string().contains("'text/csv'"));
        assert!(content_type("application/x-images").is_err());
        assert!(content_type(&"x".repeat(5000)).unwrap_err().to_string().len() < 300);
    }

    #[test]
    fn the_best_known_range_wins() {
        use Output::{List, Prediction};
        let verbose = |top| Some(Output::Verbose { top });
        for (accept, expected) in [
            ("*/*", Some(Prediction)),
            ("application/*", Some(Prediction)),
            ("application/json", Some(List)),
            ("Application/JSON; charset=utf-8", Some(List)),
            ("application/json;verbose", verbose(5)),
            ("application/json ; Verbose ; q=0.5", verbose(5)),
            ("application/json;verbose;top_k=3", verbose(3)),
            ("application/json; verbose=true", verbose(5)),
            ("application/json; verbose=false", Some(List)),
            ("application/json;verbose;top_k=many", None),
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
        assert_eq!(negotiate(&split, Output::List).unwrap(), Output::Verbose { top: 5 });
        assert!(negotiate(&headers(&["text/html"]), Output::List).is_err());
    }

    #[test]
    fn a_custom_attribute_asks_for_names_too() {
        let asked = |text: &'static str| {
            let attributes = (HeaderName::from_static(ATTRIBUTES), HeaderValue::from_static(text));
            let accept = (ACCEPT, HeaderValue::from_static("application/json"));
            negotiate(&HeaderMap::from_iter([attributes, accept]), Output::List).unwrap()
        };
        assert_eq!(asked("brazier-verbose"), Output::Verbose { top: 5 });
        assert_eq!(asked("c000b4f9, brazier-top-k=2;trace=1"), Output::Verbose { top: 2 });
        assert_eq!(asked("Brazier-Verbose=true"), Output::Verbose { top: 5 });
        assert_eq!(asked("brazier-verbose,brazier-top-k=0"), Output::Verbose { top: 0 });
        for other in ["verbose", "brazier-top-k=x", "brazier-verbose=0", ""] {
            assert_eq!(asked(other), Output::List, "{other}");
        }
    }
}
