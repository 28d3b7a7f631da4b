//! What a good request gets.

use brazier_model::artifact;
use brazier_model::layout::Output;
use brazier_serve::Configuration;
use serde_json::{Value, json};

use crate::client::Connection;
use crate::fixture::{
    CLASSES, Server, assert_near, expected, files, files_with, load, model, png, quick, weights, write,
};

#[test]
fn a_list_of_probabilities_is_what_the_predictor_says() {
    let server = Server::ready(quick());
    let predictor = load(model().path()).unwrap();
    let answer = server.invoke(&[("Content-Type", "application/x-image")], &png(1));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_near(&answer.json(), &expected(&predictor, 1));
    let sum: f64 = answer.json().as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-6, "{sum}");
}

#[test]
fn every_image_type_is_taken_and_so_is_none() {
    let server = Server::ready(quick());
    let expected = server.invoke(&[], &png(2)).body;
    for media_type in ["application/x-image", "image/png", "Image/JPEG; a=b", "application/jpeg"] {
        let answer = server.invoke(&[("content-type", media_type)], &png(2));
        assert_eq!((answer.status, answer.body.as_str()), (200, expected.as_str()), "{media_type}");
    }
}

#[test]
fn accept_chooses_the_form() {
    let server = Server::ready(quick());
    let list = server.invoke(&[("Accept", "*/*")], &png(3));
    assert!(list.json().is_array());
    assert_eq!(server.invoke(&[("Accept", "application/json")], &png(3)).body, list.body);

    let line = server.invoke(&[("Accept", "application/json;q=0.5, application/jsonlines")], &png(3));
    assert_eq!(line.header("content-type"), Some("application/jsonlines"));
    assert_eq!(line.body, format!(r#"{{"prediction": {}}}"#, list.body));

    let verbose = server.invoke(&[("Accept", "application/json;verbose")], &png(3)).json();
    assert_eq!(verbose["probabilities"], list.json());
    assert_eq!(verbose["labels"], serde_json::json!(CLASSES));
    let list: Vec<f64> = serde_json::from_str(&list.body).unwrap();
    let likeliest = (0..list.len()).max_by(|&a, &b| list[a].total_cmp(&list[b])).unwrap();
    assert_eq!(verbose["predicted_label"], CLASSES[likeliest]);
    assert!(verbose.get("predicted_labels").is_none(), "one label an image");
}

#[test]
fn the_likeliest_classes_come_in_order_with_the_models_version() {
    let server = Server::ready(quick());
    let list: Vec<f64> = serde_json::from_str(&server.invoke(&[], &png(3)).body).unwrap();
    let mut order: Vec<usize> = (0..list.len()).collect();
    order.sort_by(|&a, &b| list[b].total_cmp(&list[a]));
    let entry = |&class: &usize| serde_json::json!({"class": class, "label": CLASSES[class], "probability": list[class]});
    let by_accept = [("Accept", "application/json;verbose;top_k=2")];
    let by_attribute = [("X-Amzn-SageMaker-Custom-Attributes", "id=9, brazier-top-k=2"), ("Accept", "*/*")];
    for headers in [&by_accept[..], &by_attribute] {
        let answer = server.invoke(headers, &png(3)).json();
        let entries: Vec<_> = order[..2].iter().map(entry).collect();
        assert_eq!(answer["top_k"], serde_json::Value::from(entries), "{answer}");
        let version = answer["model_version"].as_str().unwrap();
        assert!(version.starts_with("0003-") && version.len() == 13, "{version}");
    }
    let all = server.invoke(&[("Accept", "application/json;verbose")], &png(3)).json();
    assert_eq!(all["top_k"].as_array().map(Vec::len), Some(3), "no more than there are");
}

#[test]
fn several_labels_have_independent_probabilities() {
    let folder = tempfile::tempdir().unwrap();
    write(&files_with(Output::Logistic), folder.path());
    let path = folder.path().to_owned();
    let server = Server::start(quick(), move || load(&path));
    server.wait_until_ready();
    let wanted = expected(&load(folder.path()).unwrap(), 1);
    let list = server.invoke(&[], &png(1)).json();
    assert_near(&list, &wanted);
    assert!((wanted.iter().sum::<f32>() - 1.0).abs() > 0.05, "they would add up to one: {wanted:?}");
    let verbose = server.invoke(&[("Accept", "application/json;verbose")], &png(1)).json();
    let likely = |class: &usize| wanted[*class] >= 0.5;
    let mut named: Vec<usize> = (0..wanted.len()).filter(likely).collect();
    named.sort_by(|&a, &b| wanted[b].total_cmp(&wanted[a]));
    let named: Vec<&str> = named.into_iter().map(|class| CLASSES[class]).collect();
    assert_eq!(verbose["predicted_labels"], serde_json::json!(named), "{verbose}");
}

#[test]
fn an_answer_that_is_no_number_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = files();
    // Of a black image, which the server asks itself, every feature is 0; of others they overflow here.
    files.insert(artifact::params_file(2), weights(1e38));
    write(&files, folder.path());
    let server = Server::start(quick(), move || load(folder.path()));
    server.wait_until_ready();
    for accept in ["application/json", "application/json;verbose", "application/jsonlines"] {
        let answer = server.invoke(&[("Accept", accept)], &png(1));
        assert_eq!((answer.status, answer.code().as_str()), (500, "PREDICTION_FAILED"), "{answer:?}");
    }
    assert_eq!(server.ping().status, 200);
}

#[test]
fn weights_that_differ_have_another_version() {
    let version = |weights: Vec<u8>| {
        let folder = tempfile::tempdir().unwrap();
        let mut files = files();
        files.insert(artifact::params_file(2), weights);
        write(&files, folder.path());
        load(folder.path()).unwrap().signature().version().to_owned()
    };
    assert_eq!(version(weights(0.002)), version(weights(0.002)));
    assert_ne!(version(weights(0.002)), version(weights(0.003)));
}

#[test]
fn batch_transform_gets_an_object_unless_it_asks_for_a_list() {
    let server = Server::ready(Configuration { batch: true, ..quick() });
    for headers in [&[][..], &[("Accept", "*/*")]] {
        let answer = server.invoke(headers, &png(4));
        assert_eq!(answer.json()["prediction"].as_array().unwrap().len(), 3, "{answer:?}");
    }
    assert!(server.invoke(&[("Accept", "application/json")], &png(4)).json().is_array());
}

#[test]
fn a_configured_default_stands_in_for_a_missing_accept() {
    let default_accept = Some("application/json;verbose".to_owned());
    let server = Server::ready(Configuration { default_accept, ..quick() });
    assert!(server.invoke(&[], &png(5)).json()["predicted_label"].is_string());
    assert!(server.invoke(&[("Accept", "application/json")], &png(5)).json().is_array());
}

#[test]
fn chunked_bodies_and_kept_connections_work() {
    let server = Server::ready(quick());
    let mut connection = Connection::open(server.address);
    let whole = connection.request("POST", "/invocations", &[], &png(6));
    connection.send(b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for part in png(6).chunks(50) {
        connection.send(format!("{:x}\r\n", part.len()).as_bytes());
        connection.send(part);
        connection.send(b"\r\n");
    }
    connection.send(b"0\r\n\r\n");
    let chunked = connection.response(false);
    assert_eq!((chunked.status, chunked.body), (200, whole.body));
}

#[test]
fn sixteen_clients_at_once_each_get_their_own_answer() {
    let server = Server::ready(quick());
    let predictor = load(model().path()).unwrap();
    let wanted: Vec<Vec<f32>> = (0..16).map(|number| expected(&predictor, number)).collect();
    std::thread::scope(|scope| {
        for (number, wanted) in (0..).zip(&wanted) {
            let server = &server;
            scope.spawn(move || {
                let mut connection = Connection::open(server.address);
                for _ in 0..5 {
                    let answer = connection.request("POST", "/invocations", &[], &png(number));
                    assert_eq!(answer.status, 200, "{answer:?}");
                    assert_near(&answer.json(), wanted);
                }
            });
        }
    });
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3);
    for (number, answer) in wanted.iter().enumerate() {
        assert!(
            !wanted[..number].iter().any(|other| near(other, answer)),
            "{number} could be another's: {wanted:?}"
        );
    }
}

#[test]
fn records_are_answered_with_a_line_each() {
    use brazier_mxnet::image_record::ImageRecord;
    use brazier_mxnet::recordio::Writer;
    let server = Server::ready(quick());
    let record = |number| ImageRecord::single(0.0, 1, &png(number)).encode();
    let alone = server.invoke(&[], &png(1)).json();
    let typed = [("Content-Type", "application/x-recordio")];
    assert_eq!(server.invoke(&typed, &record(1)).json(), json!(alone));

    let mut writer = Writer::new(Vec::new());
    for number in [1, 2, 3] {
        writer.write(&record(number)).unwrap();
    }
    let run = writer.into_inner();
    let headers = [typed[0], ("Accept", "application/jsonlines")];
    let answer = server.invoke(&headers, &run);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/jsonlines")));
    let lines: Vec<Value> = answer.body.split('\n').map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    for (line, number) in lines.iter().zip(1..) {
        let wanted = expected(&load(model().path()).unwrap(), number);
        assert_near(&line["prediction"], &wanted);
    }

    let mut writer = Writer::new(Vec::new());
    writer.write(&record(1)).unwrap();
    writer.write(&ImageRecord::single(0.0, 1, b"no image").encode()).unwrap();
    let refused = server.invoke(&typed, &writer.into_inner());
    assert_eq!((refused.status, refused.code().as_str()), (400, "INVALID_IMAGE"));
    assert!(refused.body.contains("record 1"), "{refused:?}");
    assert_eq!(server.invoke(&typed, &run[..run.len() - 4]).code(), "UNREADABLE_BODY");
}
