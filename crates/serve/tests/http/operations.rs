//! Metrics, timings, request ids, parameters, the page.

use brazier_serve::{Configuration, Limits};

use crate::fixture::{Server, png, quick};

#[test]
fn every_answer_tells_its_name_and_its_time() {
    let server = Server::ready(quick());
    let answer = server.invoke(&[("X-Request-Id", "order-17")], &png(1));
    assert_eq!(answer.header("x-request-id"), Some("order-17"));
    let timing = answer.header("server-timing").unwrap();
    let stages: Vec<(&str, f64)> = timing
        .split(", ")
        .map(|stage| stage.split_once(";dur=").unwrap())
        .map(|(name, time)| (name, time.parse().unwrap()))
        .collect();
    let names: Vec<&str> = stages.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["body", "decode-wait", "decode", "predict-wait", "predict", "total"]);
    let parts: f64 = stages[..5].iter().map(|(_, time)| time).sum();
    assert!(parts > 0.0 && parts <= stages[5].1 + 0.01, "{timing}");

    let by_platform = server.invoke(&[("X-Amzn-SageMaker-Inference-Id", "i-1")], b"");
    assert_eq!((by_platform.status, by_platform.header("x-request-id")), (400, Some("i-1")));
    let ours = [server.ping(), server.ping()].map(|ping| ping.header("x-request-id").unwrap().to_owned());
    assert_ne!(ours[0], ours[1]);
}

#[test]
fn metrics_count_answers_refusals_and_stages() {
    let server = Server::ready(quick());
    for _ in 0..3 {
        server.invoke(&[], &png(1));
    }
    server.invoke(&[], b"no image");
    server.invoke(&[("Content-Type", "text/csv")], b"1,2");
    let answer = server.ask("GET", "/metrics", b"");
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    for line in [
        "brazier_requests_total{status=\"200\"} 3",
        "brazier_requests_total{status=\"400\"} 1",
        "brazier_rejected_total{reason=\"INVALID_IMAGE\"} 1",
        "brazier_rejected_total{reason=\"UNSUPPORTED_MEDIA_TYPE\"} 1",
        "brazier_stage_seconds_count{stage=\"predict\"} 3",
        "brazier_request_seconds_count 5",
        "brazier_batch_size_count 3",
        "brazier_waiting 0",
        "brazier_models 1",
    ] {
        assert!(answer.body.lines().any(|found| found == line), "no {line} in\n{}", answer.body);
    }
    assert!(answer.body.ends_with("# EOF\n"));
    server.wait_for_metric("brazier_connections 1");
}

#[test]
fn batch_transform_is_told_what_it_may_use() {
    let server = Server::ready(Configuration { batch: true, max_body: 4 << 20, ..quick() });
    let told = server.ask("GET", "/execution-parameters", b"").json();
    assert_eq!(told, serde_json::json!({"MaxConcurrentTransforms": 16, "MaxPayloadInMB": 4}));
    let limits = Limits { waiting: 8, ..Limits::default() };
    let server = Server::ready(Configuration { limits, ..quick() });
    let told = server.ask("GET", "/execution-parameters", b"").json();
    assert_eq!(told, serde_json::json!({"MaxConcurrentTransforms": 8, "MaxPayloadInMB": 6}));
}

#[test]
fn the_page_is_one_file_and_can_be_switched_off() {
    let server = Server::ready(quick());
    let page = server.ask("GET", "/", b"");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    assert!(page.body.contains("[1, 12, 12]") && !page.body.contains("http://"), "{}", page.body);
    assert!(!page.body.contains("https://") && !page.body.contains(" src="), "{}", page.body);
    let server = Server::ready(Configuration { page: false, ..quick() });
    assert_eq!(server.ask("GET", "/", b"").code(), "NOT_FOUND");
}

#[test]
fn custom_attributes_come_back_only_if_configured() {
    let attributes = [("X-Amzn-SageMaker-Custom-Attributes", "trace=7")];
    let silent = Server::ready(quick()).invoke(&attributes, &png(1));
    assert_eq!(silent.header("x-amzn-sagemaker-custom-attributes"), None);
    let server = Server::ready(Configuration { echo_attributes: true, ..quick() });
    let echoed = server.invoke(&attributes, &png(1));
    assert_eq!(echoed.header("x-amzn-sagemaker-custom-attributes"), Some("trace=7"));
}
