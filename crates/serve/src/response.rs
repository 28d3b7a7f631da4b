//! The bodies of answers.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::{Output, RequestError, Signature};

const JSON: &str = "application/json";
const JSON_LINES: &str = "application/jsonlines";

/// `probabilities` in the form asked for.
pub fn prediction(output: Output, probabilities: &[f32], signature: &Signature) -> Response {
    let (media_type, body) = match output {
        Output::List => (JSON, list(probabilities)),
        // No newline at the end: batch transform puts its own between records.
        Output::Prediction => (JSON_LINES, format!(r#"{{"prediction": {}}}"#, list(probabilities))),
        Output::Verbose => (JSON, verbose(probabilities, signature)),
    };
    ([(CONTENT_TYPE, media_type)], body).into_response()
}

/// The numbers as the built-in algorithm prints them: float32 widened to double, in the fewest digits that give the
/// double back.
fn list(probabilities: &[f32]) -> String {
    let numbers: Vec<String> = probabilities.iter().map(|&value| format!("{:?}", f64::from(value))).collect();
    format!("[{}]", numbers.join(", "))
}

fn verbose(probabilities: &[f32], signature: &Signature) -> String {
    let labels: Vec<String> = (0..probabilities.len()).map(|class| signature.class_name(class)).collect();
    let labels: Vec<String> = labels.iter().map(|label| json!(label).to_string()).collect();
    let predicted = labels.get(likeliest(probabilities)).map_or("null", String::as_str);
    format!(
        r#"{{"probabilities": {}, "labels": [{}], "predicted_label": {predicted}}}"#,
        list(probabilities),
        labels.join(", ")
    )
}

/// The class of highest probability; the first of equals.
fn likeliest(probabilities: &[f32]) -> usize {
    let mut best = 0;
    for (class, value) in probabilities.iter().enumerate() {
        if *value > probabilities[best] {
            best = class;
        }
    }
    best
}

impl IntoResponse for RequestError {
    /// `{"error":{"code":"...","message":"..."}}`. The platform hands it to the caller inside a `ModelError`.
    fn into_response(self) -> Response {
        let (status, code) = self.status();
        let body = json!({"error": {"code": code, "message": crate::error::sentence(&self)}}).to_string();
        (status, [(CONTENT_TYPE, JSON)], body).into_response()
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
        assert_eq!(likeliest(&[0.2, 0.4, 0.4]), 1);
        assert_eq!(likeliest(&[]), 0);
    }
}
