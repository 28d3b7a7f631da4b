//! The bodies of answers.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::{Output, RequestError, Signature};

/// From this probability on a class of a model with several labels is named.
const LIKELY: f32 = 0.5;

pub(crate) const JSON: &str = "application/json";
const JSON_LINES: &str = "application/jsonlines";

/// `probabilities` in the form asked for.
pub fn prediction(output: Output, probabilities: &[f32], signature: &Signature) -> Response {
    let (media_type, body) = one(output, probabilities, signature);
    ([(CONTENT_TYPE, media_type)], body).into_response()
}

/// A line for each of several records, in the form asked for.
pub fn predictions(output: Output, answers: &[Vec<f32>], signature: &Signature) -> Response {
    let lines: Vec<String> = answers.iter().map(|answer| one(output, answer, signature).1).collect();
    ([(CONTENT_TYPE, JSON_LINES)], lines.join("\n")).into_response()
}

/// The media type and the body of one answer. No newline at the end: batch transform puts its own between records.
fn one(output: Output, probabilities: &[f32], signature: &Signature) -> (&'static str, String) {
    match output {
        Output::List => (JSON, list(probabilities)),
        Output::Prediction => (JSON_LINES, format!(r#"{{"prediction": {}}}"#, list(probabilities))),
        Output::Verbose { top } => (JSON, verbose(probabilities, signature, top)),
    }
}

/// The numbers as the built-in algorithm prints them: float32 widened to double, in the fewest digits that give the
/// double back.
fn list(probabilities: &[f32]) -> String {
    let numbers: Vec<String> = probabilities.iter().map(|&value| format!("{:?}", f64::from(value))).collect();
    format!("[{}]", numbers.join(", "))
}

/// The first three fields are those of the built-in algorithm's TensorFlow sibling.
fn verbose(probabilities: &[f32], signature: &Signature, top: usize) -> String {
    let quoted = |class: usize| json!(signature.class_name(class)).to_string();
    let labels: Vec<String> = (0..probabilities.len()).map(quoted).collect();
    let order = by_probability(probabilities);
    let predicted = order.first().map_or("null", |&class| labels[class].as_str());
    let entry = |&class: &usize| {
        let (label, probability) = (&labels[class], f64::from(probabilities[class]));
        format!(r#"{{"class": {class}, "label": {label}, "probability": {probability:?}}}"#)
    };
    let likeliest: Vec<String> = order.iter().take(top).map(entry).collect();
    let mut body = format!(
        r#"{{"probabilities": {}, "labels": [{}], "predicted_label": {predicted}, "#,
        list(probabilities),
        labels.join(", ")
    );
    if signature.is_multi_label() {
        let likely = order.iter().filter(|&&class| probabilities[class] >= LIKELY);
        let likely: Vec<&str> = likely.map(|&class| labels[class].as_str()).collect();
        body.push_str(&format!(r#""predicted_labels": [{}], "#, likely.join(", ")));
    }
    let version = json!(signature.version());
    body.push_str(&format!(r#""top_k": [{}], "model_version": {version}}}"#, likeliest.join(", ")));
    body
}

/// The classes, likeliest first; of equals the lower number.
fn by_probability(probabilities: &[f32]) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..probabilities.len()).collect();
    classes.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    classes
}

/// The `code` of an answer that is an error, for metrics and log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Code(pub &'static str);

impl IntoResponse for RequestError {
    /// `{"error":{"code":"...","message":"..."}}`. The platform hands it to the caller inside a `ModelError`.
    fn into_response(self) -> Response {
        let (status, code) = self.status();
        let body = json!({"error": {"code": code, "message": crate::error::sentence(&self)}}).to_string();
        let mut response = (status, [(CONTENT_TYPE, JSON)], body).into_response();
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(Code(code));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_the_built_in_algorithm_prints_them() {
        let shown = list(&[0.997_246_27, 0.002_753_784_2]);
        assert_eq!(shown, "[0.997246265411377, 0.002753784181550145]");
        assert_eq!(list(&[1.0, 0.0]), "[1.0, 0.0]");
    }

    #[test]
    fn every_probability_is_json_that_gives_the_number_back() {
        let values = [f32::MIN_POSITIVE, 1e-45, 1.0 / 3.0, 0.1, 1e-5, f32::EPSILON, 1.0 - f32::EPSILON];
        let read: Vec<f64> = serde_json::from_str(&list(&values)).unwrap();
        assert_eq!(read, values.map(f64::from));
    }

    #[test]
    fn the_first_of_equals_is_the_likeliest() {
        assert_eq!(by_probability(&[0.2, 0.4, 0.4]), [1, 2, 0]);
        assert_eq!(by_probability(&[]), [0; 0]);
    }
}
